// Draws the last 24 hours: bars of what was sent, and of what failed before them.
(function () {
  "use strict";
  var drawn = null, seen = "";
  function colour(name) { return getComputedStyle(document.body).getPropertyValue(name).trim(); }
  function numbers(text) { return text ? text.split(",").map(Number) : []; }
  function draw() {
    var box = document.querySelector(".chart[data-sent]");
    if (!box || !window.uPlot) return;
    var now = box.dataset.sent + "|" + box.dataset.failed + "|" + box.dataset.at + "|" + box.clientWidth;
    if (now === seen && box.firstChild) return;
    seen = now;
    if (drawn) drawn.destroy();
    var sent = numbers(box.dataset.sent), failed = numbers(box.dataset.failed), at = box.dataset.at.split(",");
    var hours = sent.map(function (_, place) { return place; });
    var bars = window.uPlot.paths.bars({ size: [0.7, 26], radius: 0.15 });
    var most = Math.max(4, Math.max.apply(null, sent), Math.max.apply(null, failed));
    var font = "16px system-ui, sans-serif";
    drawn = new window.uPlot({
      width: box.clientWidth, height: 180, legend: { show: false }, cursor: { show: false },
      scales: { x: { time: false, range: [-0.6, sent.length - 0.4] }, y: { range: [0, most * 1.08] } },
      axes: [
        { stroke: colour("--soft"), grid: { show: false }, ticks: { show: false }, font: font, size: 34,
          splits: function () { return hours.filter(function (h) { return h % (box.clientWidth < 520 ? 8 : 4) === 3; }); },
          values: function (_, places) { return places.map(function (p) { return at[p].slice(-5); }); } },
        { stroke: colour("--soft"), grid: { stroke: colour("--line-c"), width: 1 }, ticks: { show: false }, font: font, size: 46,
          incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000] }
      ],
      series: [{},
        { fill: colour("--accent"), stroke: colour("--accent"), width: 0, points: { show: false }, paths: bars },
        { fill: colour("--alarm"), stroke: colour("--alarm"), width: 0, points: { show: false }, paths: bars }]
    }, [hours, sent, failed], box);
  }
  document.addEventListener("htmx:afterSettle", draw);
  window.addEventListener("resize", draw);
  document.addEventListener("DOMContentLoaded", draw);
})();
