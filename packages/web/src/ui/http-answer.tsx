import type { StepAnswer } from "../api/generated/types.ts";
import "./http-answer.css";

export interface HttpAnswerProps {
  readonly answer: StepAnswer;
  /** The body where it is no part of the answer, being too large. */
  readonly body?: string | undefined;
  /** Characters of the body that are shown. */
  readonly most: number;
}

/** An HTTP answer that a step gave: as text, whatever is in it. */
export function HttpAnswer({ answer: { status, headers = [], body: bytes = "" }, body, most }: HttpAnswerProps) {
  const text = body ?? decode(bytes);
  return (
    <div className="answer">
      <p className="mono">HTTP {status}</p>
      <dl className="headers mono">
        {headers.map(({ name, value }, index) => (
          <div key={index}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <pre className="code-block" tabIndex={0} aria-label="Body">
        {text.slice(0, most)}
      </pre>
      {text.length > most && <p className="nothing muted">The first {most.toLocaleString("en")} characters.</p>}
    </div>
  );
}

function decode(base64: string): string {
  return new TextDecoder().decode(Uint8Array.from(atob(base64), (char) => char.charCodeAt(0)));
}
