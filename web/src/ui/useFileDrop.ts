import { useEffect, useState } from "react";

/** Files that are dropped anywhere on the page go to `take`; whether some are being dragged over it. */
export function useFileDrop(take: (transfer: DataTransfer) => void): boolean {
  const [dropping, setDropping] = useState(false);
  useEffect(() => {
    // The depth counts elements entered and left: only the last one left ends the drag.
    let depth = 0;
    const carriesFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
    const enter = (event: DragEvent) => {
      if (carriesFiles(event)) setDropping(++depth > 0);
    };
    const leave = (event: DragEvent) => {
      if (carriesFiles(event)) setDropping(--depth > 0);
    };
    const over = (event: DragEvent) => event.preventDefault();
    const drop = (event: DragEvent) => {
      event.preventDefault();
      depth = 0;
      setDropping(false);
      if (event.dataTransfer !== null && carriesFiles(event)) take(event.dataTransfer);
    };
    const handlers = { dragenter: enter, dragleave: leave, dragover: over, drop } as const;
    for (const [type, handler] of Object.entries(handlers)) addEventListener(type, handler as EventListener);
    return () => {
      for (const [type, handler] of Object.entries(handlers)) removeEventListener(type, handler as EventListener);
    };
  }, [take]);
  return dropping;
}
