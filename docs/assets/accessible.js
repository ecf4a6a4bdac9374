// What the theme leaves out for those who do not use a mouse: a name for the search, and a way for
// the keyboard into tables that are wider than the page.
document.querySelector(".md-search")?.setAttribute("aria-label", "Search")

const reach = () => {
  for (const table of document.querySelectorAll(".md-typeset__scrollwrap, .md-typeset pre > code")) {
    if (table.scrollWidth > table.clientWidth) {
      table.tabIndex = 0
      if (table.matches("div")) {
        table.setAttribute("role", "region")
        table.setAttribute("aria-label", "Wide table")
      }
    } else {
      table.removeAttribute("tabindex")
    }
  }
}
addEventListener("load", reach)
addEventListener("resize", reach)
