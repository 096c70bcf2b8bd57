import { type ReactNode, useEffect, useRef, useState } from "react";
import type { ObjectInfo } from "../core/protocol";
import { IconButton, Menu } from "./controls";
import { useSelect, useWorkbench } from "./hooks";
import { Icon } from "./Icon";

interface ObjectPanelProps {
  readonly open: boolean;
  /** What else the panel holds. */
  readonly children: ReactNode;
  onImport(): void;
}

/** All objects: choose, add, name, colour, hide, lock, merge, delete. */
export function ObjectPanel({ open, onImport, children }: ObjectPanelProps) {
  const { editor } = useWorkbench();
  const objects = useSelect(editor.state, (state) => state.objects);
  const selected = useSelect(editor.state, (state) => state.selected);
  return (
    <aside className={`panel ${open ? "open" : ""}`} aria-label="Objects">
      <div className="panel-head">
        <h2>Objects</h2>
        {objects.length > 0 && <span className="count">{objects.length}</span>}
        <span className="spacer" />
        <IconButton icon="import" label="Import masks" keys="Mod+i" onClick={onImport} />
        <IconButton icon="add" label="New object" keys="n" text="New" onClick={editor.objects.add} />
      </div>
      {objects.length === 0 ? (
        <p className="panel-empty">No objects yet. The first click on the picture makes one.</p>
      ) : (
        <ul className="objects">
          {objects.map((object) => (
            <ObjectRow key={object.id} object={object} others={objects} selected={object.id === selected} />
          ))}
        </ul>
      )}
      {children}
    </aside>
  );
}

interface ObjectRowProps {
  readonly object: ObjectInfo;
  readonly others: readonly ObjectInfo[];
  readonly selected: boolean;
}

function ObjectRow({ object, others, selected }: ObjectRowProps) {
  const { editor } = useWorkbench();
  const [naming, setNaming] = useState(false);
  const { id, name, hidden, locked } = object;
  return (
    <li className={`object ${selected ? "selected" : ""} ${hidden ? "hidden-object" : ""}`}>
      <ColourSwatch object={object} />
      {naming ? (
        <NameField
          name={name}
          onDone={(next) => {
            setNaming(false);
            if (next !== null && next !== name) editor.objects.change(id, { name: next });
          }}
        />
      ) : (
        <button
          type="button"
          className="object-name"
          aria-pressed={selected}
          title="Double-click to rename"
          onClick={() => editor.select(id)}
          onDoubleClick={() => setNaming(true)}
        >
          {name}
        </button>
      )}
      <IconButton
        icon={hidden ? "eyeOff" : "eye"}
        label={hidden ? `Show ${name}` : `Hide ${name}`}
        className={hidden ? "is-on" : "quiet"}
        onClick={() => editor.objects.change(id, { hidden: !hidden })}
      />
      <IconButton
        icon={locked ? "lock" : "unlock"}
        label={locked ? `Unlock ${name}` : `Lock ${name}`}
        className={locked ? "is-on" : "quiet"}
        onClick={() => editor.objects.change(id, { locked: !locked })}
      />
      <Menu
        label={`More about ${name}`}
        items={[
          { label: "Rename", run: () => setNaming(true) },
          ...others
            .filter((other) => other.id !== id)
            .map((other) => ({
              label: `Merge into ${other.name}`,
              disabled: locked || other.locked,
              run: () => editor.objects.merge(id, other.id),
            })),
          { label: "Clear all its masks", disabled: locked, run: () => editor.objects.clear(id) },
          {
            label: "Delete",
            icon: "trash" as const,
            danger: true,
            disabled: locked,
            run: () => editor.objects.delete(id),
          },
        ]}
      />
    </li>
  );
}

/** The colour, sent when it is chosen rather than at every move of the picker. */
function ColourSwatch({ object }: { readonly object: ObjectInfo }) {
  const { editor } = useWorkbench();
  const input = useRef<HTMLInputElement>(null);
  const { id, name, colour } = object;
  useEffect(() => {
    const element = input.current;
    if (element === null) return;
    element.value = colour;
    const chosen = () => editor.objects.change(id, { colour: element.value });
    element.addEventListener("change", chosen);
    return () => element.removeEventListener("change", chosen);
  }, [editor, id, colour]);
  return (
    <span className="swatch" style={{ backgroundColor: colour }}>
      <input ref={input} type="color" defaultValue={colour} aria-label={`Colour of ${name}`} title="Colour" />
    </span>
  );
}

function NameField({ name, onDone }: { readonly name: string; onDone(name: string | null): void }) {
  const [text, setText] = useState(name);
  const input = useRef<HTMLInputElement>(null);
  const ended = useRef(false);
  useEffect(() => input.current?.select(), []);
  const end = (value: string | null) => {
    // Enter takes the field away, which also blurs it.
    if (ended.current) return;
    ended.current = true;
    onDone(value === "" ? null : value);
  };
  return (
    <form
      className="name-form"
      onSubmit={(event) => {
        event.preventDefault();
        end(text.trim());
      }}
    >
      <input
        ref={input}
        className="name-field"
        aria-label={`Name of ${name}`}
        value={text}
        maxLength={80}
        onChange={(event) => setText(event.target.value)}
        onBlur={() => end(text.trim())}
        onKeyDown={(event) => {
          if (event.key === "Escape") end(null);
        }}
      />
      <button type="submit" className="button icon-only" aria-label="Take the name">
        <Icon name="check" />
      </button>
    </form>
  );
}
