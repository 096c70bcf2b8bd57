import { useEffect, useState } from "react";
import { getMedia } from "../core/api";
import { Editor } from "../core/editor";
import type { MediaItem } from "../core/protocol";
import { EditorView } from "./EditorView";
import { useNotices } from "./hooks";
import { Logo } from "./Icon";
import { readRoute, rememberFrame } from "./route";

/** Loads a media item and keeps its editor as long as the page shows it. */
export function EditorPage({ id }: { readonly id: string }) {
  const notices = useNotices();
  const [media, setMedia] = useState<MediaItem | null>(null);
  const [editor, setEditor] = useState<Editor | null>(null);
  const [failed, setFailed] = useState<string | null>(null);

  useEffect(() => {
    let current = true;
    getMedia(id).then(
      (item) => current && setMedia(item),
      (error: Error) => current && setFailed(error.message),
    );
    return () => {
      current = false;
    };
  }, [id]);

  useEffect(() => {
    if (media === null) return;
    document.title = `${media.name} – masklet`;
    const opened = new Editor(media, notices);
    opened.player.seek(readRoute(location.hash).frame);
    let timer: ReturnType<typeof setTimeout> | undefined;
    // Browsers limit how often the address may change.
    const stopWatching = opened.player.cursor.subscribe(() => {
      timer ??= setTimeout(() => {
        timer = undefined;
        rememberFrame(media.id, opened.player.cursor.get());
      }, 400);
    });
    setEditor(opened);
    return () => {
      stopWatching();
      clearTimeout(timer);
      opened.dispose();
      setEditor(null);
    };
  }, [media, notices]);

  if (editor !== null) return <EditorView editor={editor} />;
  return (
    <main className="opening">
      <Logo size={48} />
      {failed === null ? (
        <p role="status">Opening</p>
      ) : (
        <>
          <h1>This media can't be opened</h1>
          <p>{failed}</p>
          <a className="button" href="#/">
            To all media
          </a>
        </>
      )}
    </main>
  );
}
