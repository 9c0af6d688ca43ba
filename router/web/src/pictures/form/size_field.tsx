/** The size of a picture: usual ones, the input's, or one's own. */
import { useState } from "preact/hooks";

import { texts } from "../../texts";
import { nearestSide, presets, SIDE_STEP } from "../settings/sizes";
import { inputPicture } from "./input";
import { NumberField } from "./number_field";
import { change, settings } from "./state";

const OWN = "own";
const OF_INPUT = "input";

export function SizeField({ largest }: { readonly largest: number }) {
  const words = texts.pictures;
  const { width, height } = settings.value;
  const known = presets(largest);
  const isKnown = known.some((preset) => preset.width === width && preset.height === height);
  const [own, setOwn] = useState(false);
  const shown = width === null ? OF_INPUT : own || !isKnown ? OWN : `${width}x${height}`;
  const choose = (choice: string) => {
    setOwn(choice === OWN);
    if (choice === OF_INPUT) return change({ width: null, height: null });
    const [chosenWidth = 512, chosenHeight = 512] =
      choice === OWN ? [width ?? 512, height ?? 512] : choice.split("x").map(Number);
    change({ width: nearestSide(chosenWidth, largest), height: nearestSide(chosenHeight, largest) });
  };
  const rounded = (side: number) => nearestSide(side, largest);
  const sides = { min: SIDE_STEP, max: largest, step: SIDE_STEP, rounded };
  return (
    <>
      <label class="field">
        <span class="label">{words.size}</span>
        <select class="input" value={shown} onChange={(event) => choose(event.currentTarget.value)}>
          {inputPicture.value !== null && <option value={OF_INPUT}>{words.sizeOfInput}</option>}
          {known.map((preset) => (
            <option key={`${preset.width}x${preset.height}`} value={`${preset.width}x${preset.height}`}>
              {`${words.shapes[preset.shape]} ${preset.width} × ${preset.height}`}
            </option>
          ))}
          <option value={OWN}>{words.ownSize}</option>
        </select>
      </label>
      {shown === OWN && (
        <div class="field-row">
          <NumberField
            label={words.width}
            value={width ?? 512}
            {...sides}
            onChange={(side) => change({ width: side })}
          />
          <NumberField
            label={words.height}
            value={height ?? 512}
            {...sides}
            onChange={(side) => change({ height: side })}
          />
        </div>
      )}
    </>
  );
}
