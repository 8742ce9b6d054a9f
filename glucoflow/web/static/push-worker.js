// Shows what is pushed to this browser, and leads to the page that says that it was seen.
"use strict";

self.addEventListener("push", (event) => {
  const said = event.data.json();
  const options = { body: said.body, tag: said.tag, renotify: true, icon: "icons/icon-192.png", data: said.link };
  event.waitUntil(self.registration.showNotification(said.title, options));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const link = event.notification.data;
  // A message comes from our own server; still, it opens nothing but its own pages.
  event.waitUntil(self.clients.openWindow(link ? new URL(link).pathname : "/"));
});
