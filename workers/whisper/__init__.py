"""The speech engine: Whisper, with chunks of many recordings batched together.

The life of a recording:

1. ``engine`` validates the job and queues it with ``audio.preparation_thread``.
2. That thread gives every recording a slice of work in turn (``audio.preparation``): ``audio.decoder`` decodes it to
   16 kHz mono, ``audio.voice_chunker`` (of the speech that ``audio.silero`` finds) or ``audio.sequential_chunker`` cuts
   it into chunks of at most 30 s, and the model's feature extractor turns each chunk into a spectrogram.
   ``audio.notices`` says what came out.
3. ``transcription.batching`` picks the chunks of the next step, fairly between recordings.
4. ``transcription.step`` runs the batch through a ``transcription.model.SpeechModel``, here ``ctranslate``'s.
   ``transcription.fallback`` retries poor text at a higher temperature, ``transcription.timestamps`` splits the text
   into segments, and ``transcription.words`` times the words.
5. ``transcription.recording`` puts the segments of each recording in order, and ends the job after the last one.
"""
