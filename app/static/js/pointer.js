// What somebody is just pressing must not be drawn anew: the click would find nothing.
let held = null;

document.addEventListener("pointerdown", onPress, { capture: true });

export const isPressed = (place) => held !== null && place.contains(held);

// After the click that the release makes.
export function onceReleased(action) {
  const done = new AbortController();
  const released = () => {
    done.abort();
    setTimeout(action);
  };
  for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, released, { capture: true, signal: done.signal });
}

function onPress(event) {
  if (event.button) return; // a context menu keeps its release to itself
  held = event.target;
  onceReleased(() => (held = null));
}
