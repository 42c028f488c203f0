//! The program: everything it does is in [`portcullis::cli`].

fn main() -> std::process::ExitCode {
    portcullis::cli::run()
}
