// Niceties only: the page says everything without them.
(function () {
  "use strict";
  function reveal() {
    var target = location.hash && document.getElementById(location.hash.slice(1));
    for (var at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    if (target) target.scrollIntoView();
  }
  addEventListener("hashchange", reveal);
  reveal();

  var label = document.createElement("label");
  var field = document.createElement("input");
  label.className = "filter";
  label.textContent = "Find an account";
  field.type = "search";
  label.appendChild(field);
  document.querySelector("nav").appendChild(label);
  var rows = [].slice.call(document.querySelectorAll("[data-name]"));
  field.addEventListener("input", function () {
    var wanted = field.value.trim().toLowerCase();
    rows.forEach(function (row) {
      row.hidden = wanted !== "" && row.dataset.name.toLowerCase().indexOf(wanted) < 0;
      if (wanted && !row.hidden && row.parentElement)
        for (var at = row.parentElement; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    });
  });
})();
