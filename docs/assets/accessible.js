// What the theme leaves out for readers without a mouse: names for search and mark, and a way for the
// keyboard into tables and figures that are wider than the page.
document.querySelector(".md-search")?.setAttribute("aria-label", "Search")
document.querySelectorAll(".md-logo img").forEach(mark => { mark.alt = "The mark of cifarkit" })

const WIDE = {
  ".md-typeset__scrollwrap": "Wide table",
  ".md-typeset .sheet": "Wide figure",
  ".md-typeset pre > code": "", // has text of its own
  ".md-typeset .tabbed-labels": "",
}
const reach = () => {
  for (const wide of document.querySelectorAll(Object.keys(WIDE).join(", "))) {
    if (wide.scrollWidth > wide.clientWidth) {
      wide.tabIndex = 0
      const [, name] = Object.entries(WIDE).find(([kind]) => wide.matches(kind))
      if (name) {
        wide.setAttribute("role", "region")
        wide.setAttribute("aria-label", name)
      }
    } else {
      wide.removeAttribute("tabindex")
    }
  }
}
addEventListener("load", reach)
addEventListener("resize", reach)
