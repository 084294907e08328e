"""Article HTML reduced to what every target keeps as it is.

The list is what WordPress lets an author without the right `unfiltered_html` save (`wp_kses_allowed_html` for
posts, WordPress 6.1), without forms, embedded players and inline styles: what is sent is then what is stored.
"""

import nh3

_TAGS = (
    "a abbr article aside b blockquote br caption cite code col colgroup dd del details dfn div dl dt em "
    "figcaption figure footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li main mark ol p pre q s samp section "
    "small span strong sub summary sup table tbody td tfoot th thead tr u ul var"
)
_ATTRIBUTES = {
    "*": {"id", "class", "title"},
    "a": {"href", "rel", "target"},
    "blockquote": {"cite"},
    "del": {"datetime"},
    "details": {"open"},
    "img": {"src", "alt", "width", "height", "loading"},
    "ins": {"datetime"},
    "ol": {"start", "reversed"},
    "q": {"cite"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
}


def safe_html(html: str) -> str:
    """`html` without scripts, comments, styles, and addresses other than of web, mail and telephone."""
    return nh3.clean(
        html,
        tags=set(_TAGS.split()),
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https", "mailto", "tel"},
        link_rel=None,
    ).strip()
