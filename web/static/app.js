// The page without this file works by plain forms and links; this adds what htmx does not say by itself.
(function () {
  "use strict";
  var title = "";  // the last one that the farm itself gave
  var heard = new Date();  // when it answered last
  // The title tells of it too: in a background tab it is all that is seen.
  function offline(on) {
    var banner = document.querySelector(".offline");
    document.documentElement.classList.toggle("is-offline", on);
    if (!banner) return;
    if (!on) heard = new Date();
    else if (banner.hidden) {
      var time = heard.toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit" });
      banner.textContent = banner.dataset.since.replace("@", time);
    }
    banner.hidden = !on;
    var words = banner.textContent;
    if (on && document.title !== words) {
      title = document.title;
      document.title = words;
    } else if (!on && document.title === words) document.title = title;
  }
  var silent = new Map();  // pieces of the page that got no answer, or none that is any use, and who asked for each
  function told(event, answered) {
    var asked = event.detail.requestConfig, piece = asked.path.split("?")[0];
    if (answered) silent.delete(piece); else if (asked.verb === "get") silent.set(piece, event.detail.elt);
    silent.forEach(function (asker, path) {  // one that was replaced never asks again
      if (!asker.isConnected) silent.delete(path);
    });
    offline(silent.size > 0);
  }
  document.addEventListener("htmx:sendError", function (event) { told(event, false); });
  document.addEventListener("htmx:timeout", function (event) { told(event, false); });
  document.addEventListener("htmx:responseError", function (event) {
    told(event, event.detail.xhr.status < 500);  // that there is nothing, or not for you, is an answer
  });
  document.addEventListener("htmx:afterRequest", function (event) {
    if (event.detail.successful) told(event, true);
    var form = event.detail.elt;
    if (event.detail.successful && form.matches && form.matches("form[data-clear]")) form.reset();
  });
  // Whatever was pressed says that it works, until the answer is here.
  function busy(button, on) {
    if (!button || !button.matches || !button.matches("button")) return;
    if (on) button.setAttribute("aria-busy", "true"); else button.removeAttribute("aria-busy");
  }
  function pressed(event) {
    var cause = event.detail.requestConfig && event.detail.requestConfig.triggeringEvent;
    return cause && (cause.submitter || cause.target);
  }
  document.addEventListener("submit", function (event) { if (!event.defaultPrevented) busy(event.submitter, true); });
  document.addEventListener("htmx:beforeRequest", function (event) { busy(pressed(event), true); });
  document.addEventListener("htmx:afterRequest", function (event) { busy(pressed(event), false); });
  window.addEventListener("pageshow", function () {  // also when one came back to it
    document.querySelectorAll("[aria-busy]").forEach(function (button) { busy(button, false); });
  });
  // Escape closes what was opened, and the keyboard stays where it was.
  document.addEventListener("keydown", function (event) {
    var open = event.key === "Escape" && document.activeElement && document.activeElement.closest("details[open]");
    if (!open) return;
    open.open = false;
    open.querySelector("summary").focus();
  });
  // A field of the file, put where one writes.
  document.addEventListener("click", function (event) {
    var chip = event.target.closest && event.target.closest("[data-insert]");
    var field = chip && document.getElementById(chip.dataset.insert);
    if (!field) return;
    field.setRangeText(chip.dataset.text, field.selectionStart, field.selectionEnd, "end");
    field.focus();
    field.dispatchEvent(new Event("input", { bubbles: true }));
  });
  // A phone that shows its newest text, unless the visitor has scrolled up.
  function toEnd() {
    document.querySelectorAll(".phone .talk").forEach(function (talk) { talk.scrollTop = talk.scrollHeight; });
  }
  document.addEventListener("htmx:afterSettle", toEnd);
  document.addEventListener("DOMContentLoaded", toEnd);
})();
