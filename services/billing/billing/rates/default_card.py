"""The rate card of PRODUCT §4. Changed prices are a new version: operations settle by the version they were reserved with."""

from common.contracts.billing import RateCard

DEFAULT_CARD = RateCard(
    version=1,
    clustering=10_000,
    ideas_per_cluster=2_000,
    content_per_unit=1_000,
    words_per_unit=500,
    content_step=500,
    content_minimum=500,
    image_prompt=500,
    image_by_model={
        "local": 1_000,
        "runware": 1_000,
        "openai-standard": 2_000,
        "openai-high": 4_000,
        "dall-e-2": 2_000,
        "dall-e-3": 2_000,
        "gpt-image-1": 2_000,
    },
)
