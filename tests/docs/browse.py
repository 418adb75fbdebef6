"""Checks each page of the built site in a browser: `make docs-test`.

    python -m tests.docs.browse build/docs --shots build/shots

Pages come from a local server, and are opened at the width of a desktop and of
a phone, light and dark. A page must load without messages on the console and
without requests to other servers. Its links and images must exist. It must not
be wider than the screen, no table or picture may be cut off, and its text must
have enough contrast. The search must find pages that exist.
"""

import argparse
import contextlib
import functools
import http.server
import pathlib
import sys
import threading
import urllib.parse

CHROMIUM = "/usr/bin/chromium"
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
SEARCHES = {"GCT": "layers/gct.html", "rollout": "explain.html"}
# The minimum contrast of text at level AA of the WCAG.
CONTRAST = 4.5

# Elements that make the page wider than the screen.
WIDE = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  return [...document.querySelectorAll("article *")]
    .filter((e) => e.getBoundingClientRect().right > width + 1)
    .slice(0, 3).map((e) => e.outerHTML.slice(0, 80));
}"""
BROKEN_IMAGES = """() => [...document.images]
  .filter((i) => !(i.complete && i.naturalWidth)).map((i) => i.src)"""
# Tables and pictures that leave the text column. On a phone they may scroll in
# a box, if it has a shadow where they continue.
CUT_OFF = """(desktop) => {
  const found = [];
  const scrolls = (e) =>
    ["auto", "scroll"].includes(getComputedStyle(e).overflowX);
  const kinds = "article table, article img, article .block-diagram svg";
  for (const e of document.querySelectorAll(kinds)) {
    const article = e.closest("article");
    let box = e.parentElement;
    while (box !== article && !scrolls(box)) box = box.parentElement;
    const edge = article.getBoundingClientRect().right + 1;
    const outer = box === article ? e : box;
    const wider = box !== article && box.scrollWidth > box.clientWidth + 1;
    const shadow = getComputedStyle(box).backgroundImage !== "none";
    const words = e.textContent.trim().replace(/\\s+/g, " ").slice(0, 60);
    const name = `${e.tagName} ${e.getAttribute("src") || words}`;
    if (outer.getBoundingClientRect().right > edge || (wider && desktop)) {
      found.push("cut off: " + name);
    } else if (wider && !shadow) {
      found.push("scrolls without a shadow: " + name);
    }
  }
  return found;
}"""
LINKS = "() => [...document.querySelectorAll('a[href]')].map((a) => a.href)"
ANCHORS = "() => [...document.querySelectorAll('[id]')].map((e) => e.id)"
# The lowest contrast of a text with its background.
LEAST_CONTRAST = """() => {
  const numbers = (c) => c.match(/[\\d.]+/g).map(Number);
  const luminance = (c) => {
    const [r, g, b] = numbers(c).slice(0, 3).map((v) => {
      v /= 255;
      return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (e) => {
    for (; e; e = e.parentElement) {
      const color = getComputedStyle(e).backgroundColor;
      const [, , , alpha = 1] = numbers(color);
      if (alpha > 0.5) return color;
    }
    return "rgb(255, 255, 255)";
  };
  let least = [21, ""];
  for (const e of document.querySelectorAll(
    "article p, article td, article li, article pre, article svg text"
  )) {
    const svg = e.namespaceURI.endsWith("svg");
    const color = getComputedStyle(e)[svg ? "fill" : "color"];
    if (!e.textContent.trim() || color === "none") continue;
    const pair = [luminance(color), luminance(behind(e))];
    const found = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
    if (found < least[0]) least = [found, e.textContent.trim().slice(0, 60)];
  }
  return least;
}"""


def main():
    """Prints all faults, and returns whether there are any."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("site", type=pathlib.Path, help="folder of the built site")
    add("--shots", type=pathlib.Path, help="folder for screenshots")
    add("--chromium", default=CHROMIUM, help="path of the browser")
    arguments = parser.parse_args()
    with served(arguments.site) as address:
        found = faults(
            arguments.site, address, arguments.chromium, arguments.shots
        )
    print("\n".join(found) or "no faults found")
    return bool(found)


@contextlib.contextmanager
def served(site):
    """Serves a folder on a free port, and yields the address."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    class Server(http.server.ThreadingHTTPServer):
        # The browser closes connections when it leaves a page.
        def handle_error(self, request, client_address):
            pass

    handler = functools.partial(Quiet, directory=site)
    with Server(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def faults(site, address, chromium=CHROMIUM, shots=None):
    """Returns the faults of a site, one line per fault.

    Raises:
        ValueError: If the folder has no pages.
    """
    from playwright.sync_api import sync_playwright

    pages = sorted(
        path.relative_to(site).as_posix()
        for path in site.rglob("*.html")
        # Listings of source code are not checked.
        if not {"_static", "_modules"} & {*path.parts}
    )
    if not pages:
        raise ValueError(f"`site` must contain pages. Received: site={site}")
    found, links, anchors = [], {}, {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox"]
        )
        for scheme in ("light", "dark"):
            for size, (width, height) in SIZES.items():
                context = browser.new_context(
                    color_scheme=scheme,
                    viewport={"width": width, "height": height},
                )
                tab = context.new_page()
                for page in pages:
                    where = f"{page} ({size}, {scheme})"
                    wrong = _faults_of_page(
                        tab, f"{address}/{page}", address, size == "desktop"
                    )
                    found += [f"{where}: {fault}" for fault in wrong]
                    links[page] = tab.evaluate(LINKS)
                    anchors[page] = set(tab.evaluate(ANCHORS))
                    if shots:
                        name = page.removesuffix(".html").replace("/", ".")
                        path = shots / f"{name}.{size}.{scheme}.png"
                        tab.screenshot(path=path, full_page=True)
                context.close()
        found += _broken_links(links, anchors, site, address)
        tab = browser.new_page()
        for words, page in SEARCHES.items():
            tab.goto(f"{address}/search.html?q={words}")
            tab.wait_for_selector("#search-results li", timeout=20_000)
            results = tab.eval_on_selector_all(
                "#search-results li a", "found => found.map((a) => a.href)"
            )
            if not any(page in result for result in results):
                found.append(f"a search for {words} does not find {page}")
        browser.close()
    return found


def _faults_of_page(tab, url, address, desktop):
    """Returns the faults of one page."""
    heard = []

    def on_console(message):
        if message.type in ("error", "warning"):
            heard.append(f"console: {message.text}")

    def on_request(request):
        if not request.url.startswith((address, "data:")):
            heard.append(f"requests another server: {request.url}")

    def on_error(error):
        heard.append(f"error: {error}")

    events = {"console": on_console, "request": on_request}
    events["pageerror"] = on_error
    for event, listener in events.items():
        tab.on(event, listener)
    response = tab.goto(url, wait_until="load")
    # Pictures further down would load only when they become visible.
    tab.evaluate(
        "async () => { for (const i of document.images) {"
        " i.loading = 'eager'; await i.decode().catch(() => {}); } }"
    )
    for event, listener in events.items():
        tab.remove_listener(event, listener)
    if response.status != 200:
        heard.append(f"HTTP status {response.status}")
    heard += [f"no image: {image}" for image in tab.evaluate(BROKEN_IMAGES)]
    heard += [f"too wide: {element}" for element in tab.evaluate(WIDE)]
    heard += tab.evaluate(CUT_OFF, desktop)
    least, text = tab.evaluate(LEAST_CONTRAST)
    if least < CONTRAST:
        heard.append(f"contrast {least:.1f}: {text}")
    return heard


def _broken_links(links, anchors, site, address):
    """Returns the links to missing pages, files and anchors."""
    found = []
    for page, targets in links.items():
        for target in sorted(set(targets)):
            if not target.startswith(address):
                continue
            path, _, anchor = target.removeprefix(address).partition("#")
            path = urllib.parse.unquote(path.partition("?")[0]).strip("/")
            path = path or "index.html"
            if not (site / path).is_file():
                found.append(f"{page}: no such page: {target}")
            elif anchor and path in anchors:
                if urllib.parse.unquote(anchor) not in anchors[path]:
                    found.append(f"{page}: no such anchor: {target}")
    return found


if __name__ == "__main__":
    sys.exit(main())
