import { IconButton } from "./controls";
import { useNotices, useStore } from "./hooks";

/** Notices to see, and words for screen readers. */
export function Toasts() {
  const notices = useNotices();
  const list = useStore(notices.list);
  const spoken = useStore(notices.spoken);
  return (
    <>
      <section className="toasts" aria-label="Notices">
        {list.map((notice) => (
          <div key={notice.id} className={`toast ${notice.tone}`} role={notice.tone === "error" ? "alert" : "status"}>
            <span>{notice.text}</span>
            <IconButton icon="close" label="Dismiss" onClick={() => notices.dismiss(notice.id)} />
          </div>
        ))}
      </section>
      <div className="unseen" role="status">
        {spoken}
      </div>
    </>
  );
}
