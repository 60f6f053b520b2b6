// The bundled example: the digits model, its calibration and its test arrays, fetched before the page says ready so
// that the example works with the network cut.

const kAddresses = {
  model: new URL('../../examples/digits/model.onnx', import.meta.url),
  calibration: new URL('../../examples/digits/calib.npz', import.meta.url),
  test: new URL('../../examples/digits/test.npz', import.meta.url),
};

export interface Example {
  model: File;
  arrays: File[];
}

async function fetchFile(address: URL, name: string): Promise<File> {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${name}: ${response.status} ${response.statusText}`);
  return new File([await response.blob()], name);
}

export async function fetchExample(): Promise<Example> {
  const [model, calibration, test] = await Promise.all([
    fetchFile(kAddresses.model, 'digits.onnx'),
    fetchFile(kAddresses.calibration, 'calib.npz'),
    fetchFile(kAddresses.test, 'test.npz'),
  ]);
  return { model, arrays: [calibration, test] };
}
