import { SHORTEST_SECRET } from '@crewtab/domain/secrets/secret';

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
/** What stands before the token in a header. */
const SCHEME = /^(?:bearer|basic|token|apikey)\s+/i;

/**
 * In which forms a value may turn up in what an agent says: as it is, in base64 and its URL-safe form wherever it begins among
 * the bytes around it, in hex, with percent escapes, with the escapes of JSON (also twice), and of a value with several lines or
 * a scheme of HTTP authentication also its parts. None is shorter than a secret may be.
 */
export function formsOf(value: string): string[] {
  const forms = partsOf(value).flatMap((part) => [
    part,
    ...base64Forms(part),
    ...hexForms(part),
    ...urlForms(part),
    ...jsonForms(part),
  ]);
  return [...new Set(forms)].filter((form) => form.length >= SHORTEST_SECRET);
}

function partsOf(value: string): string[] {
  const whole = value.trim();
  const lines = whole.split(/[\r\n]+/).map((line) => line.trim());
  const parts = [whole, whole.replace(SCHEME, ''), ...lines];
  return [...new Set(parts)].filter((part) => part.length >= SHORTEST_SECRET);
}

/** Of each of the three alignments what the bytes around it cannot change. */
function base64Forms(text: string): string[] {
  const bytes = new TextEncoder().encode(text);
  return [0, 1, 2].flatMap((offset) => {
    const padded = new Uint8Array(offset + bytes.length);
    padded.set(bytes, offset);
    const whole = Math.floor((padded.length * 8) / 6);
    const form = base64Of(padded).slice(offset === 0 ? 0 : offset + 1, whole);
    return [form, form.replaceAll('+', '-').replaceAll('/', '_')];
  });
}

function base64Of(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 3) {
    const bits = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    for (const shift of [18, 12, 6, 0]) text += BASE64[(bits >> shift) & 63];
  }
  return text;
}

function hexForms(text: string): string[] {
  const hex = [...new TextEncoder().encode(text)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return [hex, hex.toUpperCase()];
}

/** As browsers, forms and other languages write it. */
function urlForms(text: string): string[] {
  const escaped = encodeURIComponent(text);
  const strict = escaped.replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
  const forms = [escaped, strict].flatMap((form) => [
    form,
    form.replaceAll('%20', '+'),
    form.replaceAll('%2F', '/'),
    form.replaceAll('%20', '+').replaceAll('%2F', '/'),
  ]);
  const lower = forms.map((form) => form.replace(/%[0-9A-F]{2}/g, (escape) => escape.toLowerCase()));
  return [...forms, ...lower];
}

function jsonForms(text: string): string[] {
  const once = jsonOf(text);
  const ascii = once.replace(/[^\x20-\x7e]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return [once, ascii, once.replaceAll('/', '\\/'), jsonOf(once), jsonOf(ascii)];
}

function jsonOf(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}
