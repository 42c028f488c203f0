"use strict";

function show(id, state, words) {
  const place = document.getElementById(id + "-state");
  place.className = "state " + state;
  place.textContent = words;
}

const events = new EventSource("/events");
events.onopen = () => show("events", "open", "Open");
events.onmessage = (event) => {
  document.getElementById("events").textContent = event.data;
};
events.onerror = () => {
  events.close();
  show("events", "cut", "Cut at " + new Date().toLocaleTimeString());
};

const scheme = location.protocol === "https:" ? "wss://" : "ws://";
const socket = new WebSocket(scheme + location.host + "/echo");
let sent = 0;
let beat;
socket.onopen = () => {
  show("echo", "open", "Open");
  beat = setInterval(() => {
    sent = performance.now();
    socket.send("beat");
  }, 500);
};
socket.onmessage = () => {
  document.getElementById("echo").textContent = (performance.now() - sent).toFixed(1) + " ms";
};
socket.onclose = () => {
  clearInterval(beat);
  show("echo", "cut", "Cut at " + new Date().toLocaleTimeString());
};
