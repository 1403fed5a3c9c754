import assert from "node:assert/strict";

/** A page as a person sees it. */
export interface Page {
  readonly url: string;
  readonly status: number;
  readonly text: string;
}

const HOPS_MAX = 20;

/** As much of a browser as it takes to log in somewhere: it keeps cookies, follows redirects and sends forms. */
export class Browser {
  readonly #cookies = new Map<string, string>();

  /** Opens an address. */
  open(url: string): Promise<Page> {
    return this.#go(new URL(url), "GET", undefined);
  }

  /** Sends the first form of a page, with what a person types in. */
  submit(page: Page, typed: Readonly<Record<string, string>> = {}): Promise<Page> {
    const form = /<form[^>]*>[\s\S]*?<\/form>/i.exec(page.text)?.[0];
    assert.ok(form !== undefined, `no form on the page ${page.url}: ${page.text}`);
    const action = /action="([^"]*)"/i.exec(form)?.[1] ?? page.url;
    const hidden = [...form.matchAll(/<input[^>]*type="hidden"[^>]*>/gi)].map(([tag]): [string, string] => [
      /name="([^"]*)"/i.exec(tag)?.[1] ?? "",
      /value="([^"]*)"/i.exec(tag)?.[1] ?? "",
    ]);
    const body = new URLSearchParams({ ...Object.fromEntries(hidden), ...typed });
    return this.#go(new URL(action, page.url), "POST", body);
  }

  async #go(first: URL, method: string, body: URLSearchParams | undefined): Promise<Page> {
    let [url, how, content]: [URL, string, URLSearchParams | undefined] = [first, method, body];
    for (let hop = 0; hop < HOPS_MAX; hop++) {
      const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ");
      const response = await fetch(url, {
        method: how,
        redirect: "manual",
        headers: { cookie },
        ...(content && { body: content }),
      });
      for (const text of response.headers.getSetCookie()) this.#keep(text);
      const location = response.headers.get("location");
      const page = { url: url.href, status: response.status, text: await response.text() };
      if (location === null) return page;
      [url, how, content] = [new URL(location, url), "GET", undefined];
    }
    throw new assert.AssertionError({ message: `more than ${HOPS_MAX} redirects from ${first.href}` });
  }

  /** One jar for all hosts and paths: the names do not meet. */
  #keep(text: string): void {
    const [pair = ""] = text.split(";");
    const at = pair.indexOf("=");
    const [name, value] = [pair.slice(0, at), pair.slice(at + 1)];
    if (value === "" || /expires=Thu, 01 Jan 1970/i.test(text)) this.#cookies.delete(name);
    else this.#cookies.set(name, value);
  }
}

/** Allows an account, from the house's page through the provider's login and consent back to the house. */
export async function allowAccount(url: string, browser: Browser = new Browser()): Promise<Page> {
  let page = await browser.submit(await browser.open(url));
  if (page.text.includes('value="login"')) page = await browser.submit(page, { login: "ada", password: "any" });
  if (page.text.includes('value="consent"')) page = await browser.submit(page);
  return page;
}
