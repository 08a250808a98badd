/**
 * Factor that brings a gradient of this global L2 norm to at most `clipNorm`, as torch's clip_grad_norm_; 0 = no
 * clipping.
 */
export const clipFactor = (norm: number, clipNorm: number): number =>
  clipNorm > 0 ? Math.min(1, clipNorm / (norm + 1e-6)) : 1;
