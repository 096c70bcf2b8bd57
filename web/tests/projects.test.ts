import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Projects } from "../src/core/projects";
import { UploadQueue } from "../src/core/upload";
import { settle } from "./fakes";

const project = (id: string, name: string) => ({ id, name, owner: "ada", members: ["ada"], created: "2026-01-01" });

let kept = [project("p1", "ada"), project("p2", "Birds")];
const asked: { method: string; url: string; body: unknown }[] = [];

beforeEach(() => {
  localStorage.clear();
  asked.length = 0;
  kept = [project("p1", "ada"), project("p2", "Birds")];
  vi.stubGlobal("fetch", async (url: string, init: RequestInit = {}) => {
    const body = typeof init.body === "string" ? JSON.parse(init.body) : null;
    asked.push({ method: init.method ?? "GET", url, body });
    if (url.endsWith("/projects") && init.method === "POST") return Response.json(project("p3", body.name));
    if (init.method === "PATCH") return Response.json(project("p2", body.name));
    if (url.endsWith("/projects")) return Response.json(kept);
    return Response.json({ error: "no more" }, { status: 413 });
  });
});
afterEach(() => {
  vi.unstubAllGlobals();
});

describe("projects", () => {
  it("are chosen, which the browser remembers", async () => {
    const projects = new Projects();
    await projects.refresh();
    expect(projects.list.get().map(({ name }) => name)).toEqual(["ada", "Birds"]);
    expect(projects.chosen.get()).toBeNull();
    projects.choose("p2");
    const later = new Projects();
    expect(later.chosen.get()).toBe("p2");
    await later.refresh();
    expect(later.chosen.get()).toBe("p2");
    later.choose(null);
    expect(new Projects().chosen.get()).toBeNull();
  });

  it("that are no longer there are not chosen", async () => {
    const projects = new Projects();
    projects.choose("p2");
    kept = [project("p1", "ada")];
    await projects.refresh();
    expect(projects.chosen.get()).toBeNull();
    expect(new Projects().chosen.get()).toBeNull();
  });

  it("are made and looked at, and renamed", async () => {
    const projects = new Projects();
    await projects.refresh();
    await projects.add("Bees");
    expect(projects.chosen.get()).toBe("p3");
    await projects.rename("p2", "Cats");
    expect(projects.list.get().map(({ name }) => name)).toEqual(["ada", "Cats", "Bees"]);
  });

  it("are where uploads go", async () => {
    const uploads = new UploadQueue(() => {});
    const file = new File(["x"], "a.mp4", { lastModified: 7 });
    uploads.add({ files: [file], folders: [] }, "p2");
    await settle();
    uploads.add({ files: [file], folders: [] });
    await vi.waitFor(() => expect(asked.map(({ body }) => body)).toHaveLength(2));
    expect(asked.map(({ body }) => body)).toEqual([
      { name: "a.mp4", size: 1, project: "p2" },
      { name: "a.mp4", size: 1, project: null },
    ]);
  });

  it("each have uploads of their own: one that was begun for another is not gone on with", async () => {
    const begun: unknown[] = [];
    vi.stubGlobal("fetch", async (url: string, init: RequestInit = {}) => {
      if (!url.endsWith("/uploads")) return Response.json({ error: "later" }, { status: 422 });
      begun.push(JSON.parse(String(init.body)).project);
      return Response.json({ id: `u${begun.length}`, offset: 0 });
    });
    const file = new File(["x"], "a.mp4", { lastModified: 7 });
    localStorage.setItem("masklet.uploads", JSON.stringify({ "a.mp4:1:7": "u0" }));
    const uploads = new UploadQueue(() => {});
    uploads.add({ files: [file], folders: [] }, "p2");
    await vi.waitFor(() => expect(begun).toEqual(["p2"]));
  });
});
