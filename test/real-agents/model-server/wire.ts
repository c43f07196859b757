import type { IncomingHttpHeaders } from 'node:http';
import type { Reply } from './script';

export type JsonObject = Readonly<Record<string, unknown>>;

/** One entry of the conversation that a program sends to its model. */
export interface Turn {
  readonly by: 'user' | 'model' | 'tool';
  readonly text: string;
  /** Calls of tools in it, which only the model makes. */
  readonly calls: number;
}

/** What every API of models is asked, whatever it calls it. */
export interface ModelRequest {
  readonly key: string | null;
  readonly model: string;
  readonly isStreamed: boolean;
  /** Of the system, and whatever else is not a turn. */
  readonly instructions: string;
  readonly turns: readonly Turn[];
  /** Names of the tools that the model may call. */
  readonly tools: readonly string[];
}

/** One event of a stream. */
export interface SentEvent {
  readonly event?: string;
  readonly data: JsonObject | '[DONE]';
}

/** How one API of models is spoken. */
export interface Wire {
  readonly name: string;
  readonly path: RegExp;
  read(path: string, headers: IncomingHttpHeaders, body: JsonObject): ModelRequest;
  stream(reply: Reply, model: string): readonly SentEvent[];
  whole(reply: Reply, model: string): JsonObject;
  /** How the API says that a key is none. */
  readonly wrongKey: { readonly status: number; readonly message: string };
  refusal(status: number, message: string): JsonObject;
}

export function objectsOf(value: unknown): readonly JsonObject[] {
  return Array.isArray(value)
    ? value.filter((each): each is JsonObject => typeof each === 'object' && each !== null)
    : [];
}

export function objectOf(value: unknown): JsonObject {
  return typeof value === 'object' && value !== null ? (value as JsonObject) : {};
}

export function stringOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** All text in it, whatever it is wrapped in. */
export function textIn(value: unknown): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.map(textIn).join('\n');
  if (typeof value !== 'object' || value === null) return '';
  const { text, content, output, parts } = value as JsonObject;
  return [text, content, output, parts].map(textIn).filter(Boolean).join('\n');
}

export function bearerOf(headers: IncomingHttpHeaders): string | null {
  return /^Bearer (.+)$/i.exec(headers.authorization ?? '')?.[1] ?? null;
}

/** A text in pieces, as models send it. */
export function piecesOf(text: string): string[] {
  return text.match(/[\s\S]{1,12}/g) ?? [];
}
