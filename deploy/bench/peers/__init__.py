"""The peers of ``apps.peers`` and the job itself, run one after another on the local stack and measured alike."""
