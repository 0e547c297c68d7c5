// The microphone, as a WAV file of 16 bits: what a browser records by itself differs from one to another.

let under_way = null;

export const recording = () => under_way !== null;

export async function begin() {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  const recorder = new MediaRecorder(stream);
  const pieces = [];
  recorder.ondataavailable = (event) => pieces.push(event.data);
  under_way = { recorder, stream, pieces };
  recorder.start();
}

/** End it; the recording as a file. */
export async function end() {
  const { recorder, stream, pieces } = under_way;
  const ended = new Promise((resolve) => { recorder.onstop = resolve; });
  recorder.stop();
  await ended;
  stream.getTracks().forEach((track) => track.stop());
  under_way = null;
  const context = new AudioContext();
  const sound = await context.decodeAudioData(await new Blob(pieces).arrayBuffer());
  context.close();
  return new File([wav(sound.getChannelData(0), sound.sampleRate)], "recording.wav", { type: "audio/wav" });
}

function wav(samples, rate) {
  const view = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const word = (at, letters) => [...letters].forEach((one, i) => view.setUint8(at + i, one.charCodeAt(0)));
  word(0, "RIFF"); view.setUint32(4, 36 + 2 * samples.length, true); word(8, "WAVEfmt ");
  view.setUint32(16, 16, true); view.setUint16(20, 1, true); view.setUint16(22, 1, true);
  view.setUint32(24, rate, true); view.setUint32(28, 2 * rate, true);
  view.setUint16(32, 2, true); view.setUint16(34, 16, true);
  word(36, "data"); view.setUint32(40, 2 * samples.length, true);
  samples.forEach((one, i) => view.setInt16(44 + 2 * i, Math.max(-1, Math.min(1, one)) * 0x7fff, true));
  return view;
}
