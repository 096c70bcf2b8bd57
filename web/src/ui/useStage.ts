import { useEffect, useRef } from "react";
import { Stage, type StageScene } from "../core/stage";

interface StageElements {
  readonly root: React.RefObject<HTMLDivElement | null>;
  readonly canvas: React.RefObject<HTMLCanvasElement | null>;
  readonly overlay: React.RefObject<HTMLCanvasElement | null>;
}

/** Keeps a stage of the scene on the elements that take these references; `onStage` gets it, and null when it goes. */
export function useStage(scene: StageScene, onStage: (stage: Stage | null) => void): StageElements {
  const root = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const overlay = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    if (root.current === null || canvas.current === null || overlay.current === null) return;
    const made = new Stage(scene, root.current, canvas.current, overlay.current);
    onStage(made);
    return () => {
      made.dispose();
      onStage(null);
    };
  }, [scene, onStage]);
  return { root, canvas, overlay };
}
