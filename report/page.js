"use strict";
(() => {
  const all = () => Array.from(document.querySelectorAll("details"));
  const reveal = () => {
    const at = location.hash ? document.getElementById(location.hash.slice(1)) : null;
    const fold = at ? at.querySelector("details") : null;
    if (fold) { fold.open = true; at.scrollIntoView(); }
  };
  addEventListener("hashchange", reveal);
  reveal();
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = all().filter((fold) => !fold.open);
    closed.forEach((fold) => { fold.open = true; });
  });
  addEventListener("afterprint", () => closed.forEach((fold) => { fold.open = false; }));
  const tools = document.getElementById("tools");
  if (!tools) { return; }
  for (const [text, open] of [["open all", true], ["close all", false]]) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = text;
    button.addEventListener("click", () => document.querySelectorAll(".drill > details").forEach((fold) => { fold.open = open; }));
    tools.append(button);
  }
})();
