/* Posts a launch again that came while Sendline was busy; without a script its button does. */
(() => {
  "use strict";
  const form = document.querySelector("form[data-seconds]");
  setTimeout(() => form.submit(), 1000 * Number(form.dataset.seconds));
})();
