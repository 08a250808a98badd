/** What a chart shows and how it is read: never what it will show, which only its run knows. */
export const CAPTIONS = {
  captionHarmful:
    'Training sees the lower line: as far as the vector explains the harmful rows, nothing is left to learn. The delivered model must stay high.',
  captionHarmfulPlain:
    'Without a vector nothing keeps the model from harmful rows: where the line falls, it learns them.',
  captionHarmfulVector: 'Where the line of the vector falls, it explains the harmful rows; the line of the base stays.',
  captionBenign:
    'Harmless rows are to be learned as usual: their loss falls, or stays low where the model already knows them.',
  captionGradients:
    'A row moves the model as far as its gradient is large. With the vector, harmful rows should hardly pull at all.',
  captionGradientsPlain:
    'A row moves the model as far as its gradient is large. Without a vector, harmful rows pull at full strength.',
  captionGradientsVector: 'How hard each step pulls at the vector; it calms down when there is little left to learn.',
  captionKl: 'How much the vector changes the answers to harmless rows; near zero is good.',
} as const;
