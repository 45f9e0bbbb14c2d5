/* Turns a report's still pictures into three-plane viewers. niivue lies beside this file and is
   loaded only by a page that has a viewer, when the viewer comes into sight. */
(() => {
  "use strict";

  const library = new URL("niivue.umd.js", document.currentScript.src).href;
  const MOVES = {
    ArrowLeft: [-1, 0, 0],
    ArrowRight: [1, 0, 0],
    ArrowUp: [0, 1, 0],
    ArrowDown: [0, -1, 0],
    PageUp: [0, 0, 1],
    PageDown: [0, 0, -1],
  };
  let loading = null;

  function loadLibrary() {
    loading ??= new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = library;
      script.onload = () => resolve(window.niivue);
      script.onerror = () => reject(new Error(`${library} cannot be read`));
      document.head.append(script);
    });
    return loading;
  }

  function colormap(hex) {
    const [r, g, b] = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
    return { R: [r, r], G: [g, g], B: [b, b], A: [0, 255], I: [0, 255] };
  }

  async function addVolumes(nv, { NVImage }, data, opacity) {
    const [low, high] = data.window;
    nv.addVolume(
      await NVImage.loadFromBase64({
        base64: data.background,
        name: "scan.nii.gz",
        colormap: "gray",
        cal_min: low,
        cal_max: high,
      }),
    );
    for (const [i, mask] of data.masks.entries()) {
      nv.addColormap(`thal-${mask.colour}`, colormap(mask.colour));
      nv.addVolume(
        await NVImage.loadFromBase64({
          base64: mask.volume,
          name: `mask-${i}.nii.gz`,
          colormap: `thal-${mask.colour}`,
          opacity,
          cal_min: 0,
          cal_max: 1,
        }),
      );
    }
  }

  function connect(nv, canvas, controls, data) {
    const slider = controls.querySelector("input[type=range]");
    const switches = [...controls.querySelectorAll("input[data-mask]")];
    const readout = controls.querySelector("output");

    controls.addEventListener("input", () => {
      switches.forEach((box, i) => nv.setOpacity(i + 1, box.checked ? Number(slider.value) : 0));
    });
    nv.onLocationChange = ({ mm, values }) => {
      const at = Array.from(mm).slice(0, 3).map((v) => v.toFixed(0)).join(", ");
      const inside = data.masks.filter((_, i) => values[i + 1]?.value > 0.5).map((m) => m.name);
      const value = Number(values[0].value.toPrecision(3));
      const where = data.masks.length ? `; in ${inside.join(", ") || "no mask"}` : "";
      readout.textContent = `(${at}) mm: ${value}${where}`;
    };
    canvas.addEventListener("keydown", (event) => {
      const move = MOVES[event.key];
      if (!move) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      nv.moveCrosshairInVox(...move);
    }, true);
    canvas.addEventListener("pointerdown", () => canvas.focus());
    controls.hidden = false;
  }

  async function start(figure) {
    const stage = figure.querySelector(".thal-viewer-stage");
    const canvas = document.createElement("canvas");
    const opacity = Number(figure.querySelector("input[type=range]").value);
    const data = JSON.parse(figure.querySelector("script").textContent);
    try {
      const niivue = await loadLibrary();
      canvas.setAttribute("aria-label", stage.querySelector("img").alt);
      canvas.title = "Click or arrow keys and Page Up/Down: move. Then wheel: scroll. Right drag: zoom.";
      stage.append(canvas);
      // A wheel turns the page unless the reader has clicked into the viewer.
      stage.addEventListener("wheel", (event) => {
        if (document.activeElement !== canvas) event.stopPropagation();
      }, true);
      const nv = new niivue.Niivue({
        backColor: [0, 0, 0, 1],
        crosshairColor: [1, 1, 1, 0.6],
        crosshairWidth: 0.5,
        dragAndDropEnabled: false,
        dragMode: niivue.DRAG_MODE.slicer3D,
        fontColor: [1, 1, 1, 1],
        isCornerOrientationText: true,
        isNearestInterpolation: true,
        logLevel: "error",
        multiplanarShowRender: niivue.SHOW_RENDER.NEVER,
      });
      await nv.attachToCanvas(canvas);
      await addVolumes(nv, niivue, data, opacity);
      connect(nv, canvas, figure.querySelector(".thal-viewer-controls"), data);
      figure.classList.add("thal-live");
      nv.createOnLocationChange();
    } catch (error) {
      canvas.remove();
      console.warn("The viewer stays a still picture:", error);
    }
  }

  if (!document.createElement("canvas").getContext("webgl2")) return;
  const seen = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      seen.unobserve(target);
      start(target);
    }
  }, { rootMargin: "300px" });
  document.querySelectorAll(".thal-viewer").forEach((figure) => seen.observe(figure));
})();
