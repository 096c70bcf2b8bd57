import { act } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Projects } from "../src/core/projects";
import { ProjectBar } from "../src/ui/ProjectBar";

const project = (id: string, name: string, owner: string, members: string[]) => ({
  id,
  name,
  owner,
  members,
  created: "2026-01-01",
});

/** What the fake server has, and how it was asked to change it. */
let kept = [project("p1", "Birds", "ada", ["ada", "bob"]), project("p2", "Shared", "bob", ["ada", "bob"])];
let changes: string[] = [];
let root: Root;

function answer(url: string, method: string, body: { user?: string }): Response {
  const [, id, , name] = /projects\/(\w+)(\/members\/?(.*))?$/.exec(url) ?? [];
  if (id === undefined) return Response.json(kept);
  changes.push(`${method} ${id} ${name || body.user}`);
  if (kept[0]?.owner !== "ada") {
    return Response.json({ error: "only the owner of a project says who is a member" }, { status: 403 });
  }
  if (method === "POST" && body.user !== "carol") {
    return Response.json({ error: `there is no user '${body.user}'` }, { status: 422 });
  }
  const members = method === "POST" ? ["ada", "bob", "carol"] : ["ada"];
  kept = kept.map((one) => (one.id === id ? { ...one, members } : one));
  return new Response(null, { status: 204 });
}

const one = (selector: string): HTMLElement => {
  const found = document.querySelector<HTMLElement>(selector);
  if (found === null) throw new Error(`there is no ${selector}`);
  return found;
};
const button = (name: string) =>
  [...document.querySelectorAll("button")].find(
    (each) => (each.getAttribute("aria-label") ?? each.textContent) === name,
  );
async function press(name: string): Promise<void> {
  const found = button(name);
  if (found === undefined) throw new Error(`there is no button ${name}`);
  await act(async () => found.click());
}
const members = () => [...document.querySelectorAll(".member-name")].map((each) => each.textContent);

/** Type a name as React hears it, and press Enter. */
async function add(name: string): Promise<void> {
  const input = one(".member-form input") as HTMLInputElement;
  const { set } = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value") ?? {};
  await act(async () => {
    set?.call(input, name);
    input.dispatchEvent(new Event("input", { bubbles: true }));
  });
  await act(async () => (one(".member-form") as HTMLFormElement).requestSubmit());
}

async function show(chosen: string, user: string | null): Promise<void> {
  const projects = new Projects();
  projects.choose(chosen);
  await act(async () => {
    await projects.refresh();
    root.render(<ProjectBar projects={projects} user={user} />);
  });
}

beforeEach(() => {
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  localStorage.clear();
  kept = [project("p1", "Birds", "ada", ["ada", "bob"]), project("p2", "Shared", "bob", ["ada", "bob"])];
  changes = [];
  vi.stubGlobal("fetch", async (url: string, init: RequestInit = {}) =>
    answer(url, init.method ?? "GET", typeof init.body === "string" ? JSON.parse(init.body) : {}),
  );
  root = createRoot(document.body.appendChild(document.createElement("div")));
});
afterEach(async () => {
  await act(async () => root.unmount());
  document.body.replaceChildren();
  vi.unstubAllGlobals();
});

describe("the members of a project", () => {
  it("are shown to its owner, who may remove all but themselves", async () => {
    await show("p1", "ada");
    await press("Share");
    expect(one("dialog h2").textContent).toBe("Members of Birds");
    expect(members()).toEqual(["ada", "bob"]);
    expect(one(".member").textContent).toBe("adaowner");
    expect(button("Remove ada")).toBeUndefined();
    expect(document.activeElement).toBe(one(".member-form input"));
    await press("Remove bob");
    expect(changes).toEqual(["DELETE p1 bob"]);
    expect(members()).toEqual(["ada"]);
    expect(one("[role=status]").textContent).toBe("bob is no member any more");
    expect(document.activeElement).toBe(one(".member-form input"));
    await press("Done");
    expect(document.querySelector("dialog")).toBeNull();
  });

  it("come in by name", async () => {
    await show("p1", "ada");
    await press("Share");
    expect(button("Add")?.disabled).toBe(true);
    await add("  carol ");
    expect(changes).toEqual(["POST p1 carol"]);
    expect(members()).toEqual(["ada", "bob", "carol"]);
    expect(one("[role=status]").textContent).toBe("carol is a member now");
    expect((one(".member-form input") as HTMLInputElement).value).toBe("");
  });

  it("are users: an unknown name is told, and stays to be corrected", async () => {
    await show("p1", "ada");
    await press("Share");
    await add("carl");
    expect(one("[role=alert]").textContent).toBe("there is no user 'carl'");
    expect((one(".member-form input") as HTMLInputElement).value).toBe("carl");
    expect(members()).toEqual(["ada", "bob"]);
    await add("bob");
    expect(one("[role=alert]").textContent).toBe("bob is a member already");
    expect(changes).toEqual(["POST p1 carl"]);
    await add("carol");
    expect(document.querySelector("[role=alert]")).toBeNull();
  });

  it("are not changed by who is not the owner any more, which is told", async () => {
    await show("p1", "ada");
    await press("Share");
    kept = kept.map((each) => ({ ...each, owner: "bob" }));
    await press("Remove bob");
    expect(one("[role=alert]").textContent).toBe("only the owner of a project says who is a member");
    expect(members()).toEqual(["ada", "bob"]);
  });

  it.each([
    ["p2", "ada"],
    ["p1", null],
  ])("are not changed here where the project is another's, or nobody logs in (%s, %s)", async (chosen, user) => {
    await show(chosen, user);
    expect(one(".project-members").textContent).toBe("Members: ada, bob");
    expect(button("Share")).toBeUndefined();
  });
});
