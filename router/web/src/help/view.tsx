/** Why microphone and clipboard are missing, and how to get them on each device. */
import "./help.css";

import { server } from "../api/server";
import { urlOf } from "../api/url";
import type { ViewProps } from "../app/views";
import { texts } from "../texts";
import { Icon } from "../ui/icon";
import { DEVICES, type Device, deviceOf } from "./device";

const COMMANDS = "nexa cert\nnexa server MODEL --host 0.0.0.0 --https";

export function HelpView(_props: ViewProps) {
  const words = texts.help;
  return (
    <div class="view">
      <article class="help">
        <h1>{words.title}</h1>
        <p>{window.isSecureContext ? words.secure : words.reason}</p>
        {!window.isSecureContext && (
          <>
            <h2>{words.steps}</h2>
            <Https />
          </>
        )}
        <Authority />
      </article>
    </div>
  );
}

function Https() {
  const words = texts.help;
  if (server.value?.https !== true) {
    return (
      <>
        <p>{words.noHttps}</p>
        <pre class="commands">{COMMANDS}</pre>
      </>
    );
  }
  return (
    <p>
      {words.withHttps} <a href={secureAddress()}>{words.open}</a>
    </p>
  );
}

function Authority() {
  const words = texts.help;
  if (server.value?.ca !== true) return window.isSecureContext ? null : <p>{words.noAuthority}</p>;
  const current = deviceOf(navigator);
  return (
    <>
      <p>{words.authority}</p>
      <p>
        <a class="button primary" href={urlOf("nexa-ca.crt")} download="nexa-ca.crt">
          <Icon name="download" />
          {words.download}
        </a>
      </p>
      <p>{words.compare}</p>
      {DEVICES.map((device) => (
        <Steps key={device} device={device} open={device === current} />
      ))}
      <p>{words.then}</p>
    </>
  );
}

function Steps({ device, open }: { readonly device: Device; readonly open: boolean }) {
  const { name, steps } = texts.help.devices[device];
  return (
    <details class="card" open={open}>
      <summary>{name}</summary>
      <ol>
        {steps.map((step) => (
          <li key={step}>{step}</li>
        ))}
      </ol>
    </details>
  );
}

function secureAddress(): string {
  const address = new URL(location.href);
  address.protocol = "https:";
  address.hash = "";
  return address.href;
}
