// Files are dropped onto the form, and a bar shows how much of them has been sent. Without this the form works too.
"use strict";

for (const form of document.querySelectorAll("form[data-upload]")) {
  const input = form.querySelector("input[type=file]");
  const bar = form.querySelector("progress");
  const alert = form.querySelector("[role=alert]");

  const tell = (text) => {
    alert.textContent = text;
    alert.hidden = false;
    bar.hidden = true;
  };

  for (const name of ["dragover", "dragenter"]) {
    form.addEventListener(name, (event) => { event.preventDefault(); form.classList.add("over"); });
  }
  form.addEventListener("dragleave", () => form.classList.remove("over"));
  form.addEventListener("drop", (event) => {
    event.preventDefault();
    form.classList.remove("over");
    if (!event.dataTransfer.files.length) return;
    input.files = event.dataTransfer.files;
    form.requestSubmit();
  });

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.upload.addEventListener("progress", (sent) => { if (sent.lengthComputable) bar.value = sent.loaded / sent.total; });
    request.addEventListener("load", () => {
      if (request.status < 400) location.assign(request.responseURL);
      else tell(new DOMParser().parseFromString(request.responseText, "text/html").querySelector("main")?.textContent.trim() || say(TEXTS.refused, { status: request.status }));
    });
    request.addEventListener("error", () => tell(TEXTS["not arrived"]));
    alert.hidden = true;
    bar.hidden = false;
    request.send(new FormData(form));
  });
}
