import type { Backend } from '../../runtime/device/session.js';
import type { Graph } from '../../runtime/onnx/graph.js';

/** A backend, and the graphs that were opened on it. */
export function recording(backend: Backend): { backend: Backend; graphs: Graph[] } {
  const graphs: Graph[] = [];
  return {
    graphs,
    backend: { ...backend, session: (graph, options) => (graphs.push(graph), backend.session(graph, options)) },
  };
}
