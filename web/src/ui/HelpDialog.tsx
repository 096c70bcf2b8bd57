import { type Binding, spelled } from "../core/keys";
import { Dialog, IS_MAC } from "./controls";

const POINTER = [
  ["Click", "Include this place; the first click makes an object"],
  ["Right click, Alt and click", "Exclude this place"],
  ["Drag with the click tool", "Move the picture"],
  ["Wheel, pinch", "Zoom"],
  ["Middle button, two fingers", "Move the picture"],
] as const;

/** Every key, and what pointers do. */
export function HelpDialog({ bindings, onClose }: { readonly bindings: readonly Binding[]; onClose(): void }) {
  const groups = Map.groupBy(
    bindings.filter((binding) => binding.label !== null),
    (binding) => binding.group,
  );
  return (
    <Dialog title="Keyboard and mouse" className="help" onClose={onClose}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to take the focus, or the keyboard can't scroll it */}
      <section className="help-body" tabIndex={0} aria-label="All keys">
        {[...groups].map(([group, list]) => (
          <section key={group}>
            <h3>{group}</h3>
            <dl>
              {list.map((binding) => (
                <div key={binding.label}>
                  <dt>
                    <Keys keys={binding.keys[0] ?? ""} />
                  </dt>
                  <dd>{binding.label}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
        <section>
          <h3>Mouse and touch</h3>
          <dl>
            {POINTER.map(([what, does]) => (
              <div key={what}>
                <dt>{what}</dt>
                <dd>{does}</dd>
              </div>
            ))}
          </dl>
        </section>
      </section>
    </Dialog>
  );
}

function Keys({ keys }: { readonly keys: string }) {
  return spelled(keys, IS_MAC).map((part) => <kbd key={part}>{part}</kbd>);
}
