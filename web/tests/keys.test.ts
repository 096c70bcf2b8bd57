import { afterEach, describe, expect, it, vi } from "vitest";
import { combination, dispatchKey, spelled } from "../src/core/keys";

const press = (key: string, modifiers: Partial<KeyboardEventInit> = {}) =>
  new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...modifiers });

describe("combinations", () => {
  it.each([
    ["a", {}, "a"],
    ["A", { shiftKey: true }, "Shift+a"],
    ["?", { shiftKey: true }, "?"],
    [" ", {}, "Space"],
    ["ArrowLeft", { shiftKey: true }, "Shift+ArrowLeft"],
    ["z", { ctrlKey: true }, "Mod+z"],
    ["Z", { metaKey: true, shiftKey: true }, "Mod+Shift+z"],
    ["Enter", { altKey: true }, "Alt+Enter"],
    ["+", { shiftKey: true }, "+"],
  ])("%s with %o is %s", (key, modifiers, expected) => {
    expect(combination(press(key, modifiers))).toBe(expected);
  });

  it("are spelled for people", () => {
    expect(spelled("Mod+Shift+z", false)).toEqual(["Ctrl", "Shift", "Z"]);
    expect(spelled("Mod+z", true)).toEqual(["⌘", "Z"]);
    expect(spelled("+", false)).toEqual(["+"]);
  });
});

describe("dispatch", () => {
  afterEach(() => {
    document.body.innerHTML = "";
  });
  const run = vi.fn();
  const bindings = ["n", "Space", "ArrowLeft", "Enter"].map((keys) => ({ keys: [keys], group: "", label: keys, run }));
  const on = (html: string, key: string) => {
    document.body.innerHTML = html;
    const event = press(key);
    const target = document.querySelector("[data-target]") ?? document.body;
    let handled = false;
    target.addEventListener("keydown", (heard) => {
      handled = dispatchKey(bindings, heard as KeyboardEvent);
    });
    target.dispatchEvent(event);
    return handled;
  };

  it("runs the binding and takes the key", () => {
    expect(on("<div data-target></div>", "n")).toBe(true);
    expect(run).toHaveBeenCalledTimes(1);
    expect(on("<div data-target></div>", "q")).toBe(false);
  });

  it.each([
    ["a text field", "<input data-target>", "n"],
    ["a button, of Space", "<button data-target></button>", "Space".replace("Space", " ")],
    ["a button, of Enter", "<button data-target></button>", "Enter"],
    ["a slider, of arrows", '<input type="range" data-target>', "ArrowLeft"],
    ["a menu, of arrows", '<div role="menu"><button data-target></button></div>', "ArrowLeft"],
    ["an open dialog", "<dialog open><p data-target></p></dialog>", "n"],
  ])("leaves keys to %s", (_, html, key) => {
    expect(on(html, key)).toBe(false);
  });

  it.each([
    ["a button, of letters", "<button data-target></button>", "n"],
    ["a slider, of letters", '<input type="range" data-target>', "n"],
    ["a button, of arrows", "<button data-target></button>", "ArrowLeft"],
  ])("takes keys from %s", (_, html, key) => {
    expect(on(html, key)).toBe(true);
  });
});
