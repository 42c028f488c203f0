//! The program: everything it does is in [`portcullis::cli`].

/// Each request takes some dozen short pieces of memory: the system's allocator
/// spends a tenth of the gateway's time on them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    portcullis::cli::run()
}
