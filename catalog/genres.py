"""The genres we browse by, and the tags of readers that count as each of them.

Tags say what readers typed: "to-read" and "owned" beside forty spellings of science fiction.
"fiction" is no genre here: it fits nearly every book and would crowd out what tells them apart.
"""

from dataclasses import dataclass
from functools import cache

# A book's genres are its strongest ones: at most so many, each with at least this part of the
# book's genre shelvings.
GENRES_PER_BOOK = 5
MIN_SHARE = 0.05


@dataclass(frozen=True)
class CuratedGenre:
    slug: str
    name: str
    # As typed on Goodreads: lower case, words joined by hyphens. The slug counts without saying.
    tags: tuple[str, ...]


def _genre(slug: str, name: str, tags: str = "") -> CuratedGenre:
    return CuratedGenre(slug, name, (slug, *tags.split()))


GENRES = (
    _genre(
        "fantasy",
        "Fantasy",
        "fantasy-fiction high-fantasy epic-fantasy urban-fantasy dark-fantasy ya-fantasy "
        "fantasia fantasy-ya young-adult-fantasy adult-fantasy fiction-fantasy "
        "fantasy-romance uf fantasy-books sword-and-sorcery heroic-fantasy romantic-fantasy "
        "fantasy-series childrens-fantasy children-s-fantasy juvenile-fantasy "
        "historical-fantasy dragons magic epic-fantasy-series fantasía fantastique fantastic "
        "wizards",
    ),
    _genre(
        "science-fiction",
        "Science fiction",
        "sci-fi scifi sf sci-fiction space-opera cyberpunk hard-sci-fi military-sci-fi "
        "military-science-fiction ya-sci-fi ya-science-fiction classic-sci-fi aliens "
        "time-travel steampunk alternate-history fiction-science-fiction fiction-sci-fi space "
        "classic-science-fiction hard-science-fiction ciencia-ficción ciencia-ficcion",
    ),
    _genre(
        "dystopia",
        "Dystopia",
        "dystopian dystopias dystopian-fiction post-apocalyptic postapocalyptic apocalyptic "
        "apocalypse ya-dystopian ya-dystopia distopia distopian dystopic "
        "dystopian-post-apocalyptic post-apocalypse post-apocalyptic-fiction dystopian-ya "
        "dystopian-society distopía",
    ),
    _genre(
        "horror",
        "Horror",
        "horror-fiction zombies zombie ghost-stories horror-thriller gothic-horror scary "
        "horror-books supernatural-horror haunted-house fiction-horror gothic",
    ),
    _genre(
        "paranormal",
        "Paranormal",
        "supernatural paranormal-fiction paranormal-fantasy vampires vampire werewolves "
        "werewolf shifters shifter shapeshifters ya-paranormal paranormal-ya angels demons "
        "witches ghosts vampire-books angels-and-demons angels-demons vamps vampire-fiction "
        "vampires-werewolves fae faeries fairies paranormal-romance pnr romance-paranormal "
        "ya-paranormal-romance vampire-romance",
    ),
    _genre(
        "mystery",
        "Mystery & crime",
        "mysteries crime crime-fiction detective mystery-crime crime-mystery mystery-fiction "
        "cozy-mystery cozy-mysteries murder-mystery mystery-suspense mystery-thriller "
        "mystery-thrillers detective-fiction fiction-mystery historical-mystery "
        "police-procedural noir whodunit mystery-detective mystery-series crime-novels "
        "crime-novel detectives ya-mystery cozy private-investigator mystery-and-suspense "
        "mystery-and-thriller mystery-and-crime krimi mystery-suspense-thriller "
        "suspense-mystery crimes british-mystery police detective-stories",
    ),
    _genre(
        "thriller",
        "Thriller",
        "thrillers suspense suspense-thriller thriller-suspense thriller-mystery "
        "crime-thriller psychological-thriller psychological-thrillers legal-thriller "
        "espionage spy spies spy-thriller political-thriller action-thriller "
        "suspense-thrillers thriller-crime techno-thriller medical-thriller romantic-suspense "
        "spy-fiction legal-thrillers fiction-thriller suspense-fiction legal",
    ),
    _genre(
        "romance",
        "Romance",
        "contemporary-romance historical-romance romance-contemporary romance-historical "
        "ya-romance love love-story love-stories erotic-romance adult-romance "
        "new-adult-romance sports-romance college-romance romantic romance-novels romances "
        "regency-romance regency romantic-comedy rom-com romance-erotica erotica erotic bdsm "
        "smut steamy new-adult na fiction-romance romance-fiction western-romance "
        "christian-romance highland-romance love-triangle rock-star-romance m-m-romance",
    ),
    _genre(
        "historical-fiction",
        "Historical fiction",
        "historical historical-novel historical-novels fiction-historical hist-fic "
        "hist-fiction historic-fiction historical-fic adult-historical-fiction "
        "ya-historical-fiction ya-historical history-fiction tudor tudors",
    ),
    _genre(
        "contemporary",
        "Contemporary fiction",
        "contemporary-fiction realistic-fiction ya-contemporary modern-fiction realistic "
        "contemporary-ya contemporary-lit contemporary-literature fiction-contemporary "
        "general-fiction adult-contemporary chick-lit chicklit chic-lit women-s-fiction "
        "womens-fiction women-s-lit chick-lit-romance",
    ),
    _genre(
        "literary-fiction",
        "Literary fiction",
        "literary literature lit-fic lit-fiction fiction-literary modern-literature "
        "magical-realism magic-realism realismo-magico pulitzer pulitzer-prize booker-prize "
        "man-booker booker pulitzer-winners pulitzer-prize-winners man-booker-prize nobel "
        "nobel-prize postmodern",
    ),
    _genre(
        "classics",
        "Classics",
        "classic classic-literature classic-lit classic-fiction the-classics modern-classics "
        "modern-classic fiction-classics clàssics classic-novels classic-books "
        "literary-classics children-s-classics childrens-classics american-classics "
        "british-classics english-classics russian-classics victorian victorian-literature "
        "clásicos classics-literature classic-american-literature classical-literature",
    ),
    _genre(
        "adventure",
        "Adventure",
        "action action-adventure adventures action-and-adventure adventure-fiction "
        "adventure-action survival pirates quest fantasy-adventure sea-stories ya-adventure",
    ),
    _genre("western", "Western", "westerns western-fiction wild-west cowboys old-west"),
    _genre(
        "humor",
        "Humour",
        "humour funny comedy humorous satire humor-satire humour-satire comic-fantasy parody "
        "fiction-humor non-fiction-humor comedic humor-comedy humor-and-satire "
        "humorous-fiction",
    ),
    _genre(
        "young-adult",
        "Young adult",
        "ya teen ya-fiction young-adult-fiction ya-books ya-lit teen-fiction youngadult teens "
        "ya-series young-adults teen-lit teenage ya-novels ya-literature "
        "young-adult-literature young-adult-books young-adult-lit teen-books youth "
        "coming-of-age ya-teen",
    ),
    _genre(
        "childrens",
        "Children's",
        "children children-s children-s-books childrens-books kids kids-books childhood "
        "middle-grade children-s-literature children-s-lit childrens-lit childrens-literature "
        "juvenile juvenile-fiction children-books children-s-fiction childrens-fiction "
        "kid-lit kid-books chapter-books picture-books picture-book picturebooks "
        "children-s-picture-books middle-grade-fiction childhood-books read-aloud read-alouds "
        "kid childrens-picture-books kidlit caldecott newbery mg middle-school "
        "children-literature early-readers children-fiction bedtime-stories newbery-medal",
    ),
    _genre(
        "graphic-novels",
        "Comics & graphic novels",
        "graphic-novel comics comic comic-books graphic-novels-comics comics-graphic-novels "
        "manga comics-and-graphic-novels graphic-novels-and-comics graphic cómics comic-book "
        "comix mangá mangas superheroes marvel dc dc-comics shojo shoujo shonen "
        "graphic-novels-manga manga-graphic-novels graphic-fiction comics-manga batman "
        "bande-dessinée bd",
    ),
    _genre(
        "poetry",
        "Poetry",
        "poems poetry-collections poetry-collection american-poetry poem epic-poetry poesia "
        "poesía poetry-and-plays modern-poetry",
    ),
    _genre(
        "drama",
        "Drama & plays",
        "plays theatre play theater shakespeare drama-plays plays-drama drama-and-plays "
        "plays-theatre tragedy greek-drama theatre-plays scripts",
    ),
    _genre(
        "short-stories",
        "Short stories",
        "short-story short-story-collections short-story-collection anthology anthologies "
        "stories short-fiction novella novellas short-stories-essays collections "
        "short-stories-and-novellas story-collection",
    ),
    _genre(
        "mythology",
        "Myths, legends & fairy tales",
        "myth myths fairy-tales fairy-tale fairytales fairytale folklore greek-mythology "
        "legends retellings retelling fairy-tale-retellings fairy-tale-retelling arthurian "
        "king-arthur myths-legends mythology-folklore arthurian-legend fables norse-mythology "
        "mythology-and-folklore folk-tales folktales arthuriana greek-myths",
    ),
    _genre(
        "nonfiction",
        "Nonfiction",
        "non-fiction non-fic nonfic adult-non-fiction adult-nonfiction general-nonfiction "
        "general-non-fiction reference essays essay journalism true-story education writing "
        "creative-nonfiction books-about-books literary-criticism on-writing language "
        "narrative-nonfiction",
    ),
    _genre(
        "biography",
        "Biography & memoir",
        "biographies memoir memoirs autobiography biography-memoir memoir-biography bio "
        "biography-autobiography biographical autobiographies biographies-memoirs bio-memoir "
        "autobiographical memoirs-biographies biography-memoirs biographies-and-memoirs "
        "biography-and-memoir autobiography-memoir autobiography-biography celebrity-memoir "
        "bios memoir-autobiography biografia",
    ),
    _genre(
        "history",
        "History & war",
        "american-history world-history military-history history-nonfiction "
        "non-fiction-history us-history history-non-fiction ancient-history european-history "
        "nonfiction-history wwii ww2 world-war-ii world-war-2 world-war-two holocaust war wwi "
        "ww1 world-war-i civil-war vietnam military military-fiction vietnam-war historia "
        "british-history",
    ),
    _genre(
        "science",
        "Science & nature",
        "popular-science physics biology nature mathematics math evolution astronomy "
        "pop-science science-nature environment animals natural-history technology "
        "science-nonfiction non-fiction-science neuroscience medicine medical ecology "
        "cosmology scientific maths science-math health nutrition fitness dogs "
        "computer-science programming",
    ),
    _genre(
        "philosophy",
        "Philosophy",
        "philosophical philosophie existentialism ethics filosofia filosofía "
        "philosophy-religion stoicism political-philosophy eastern-philosophy",
    ),
    _genre(
        "psychology",
        "Psychology & self-help",
        "psychological self-help selfhelp self-improvement personal-development "
        "self-development mental-health mental-illness psych relationships personal-growth "
        "motivational psychology-self-help inspirational inspiration parenting productivity "
        "happiness leadership social-psychology pop-psychology behavior",
    ),
    _genre(
        "religion",
        "Religion & spirituality",
        "christian christian-fiction christianity spirituality spiritual faith theology "
        "religious christian-living christian-non-fiction buddhism islam bible judaism zen "
        "devotional mormon lds christian-nonfiction religion-spirituality catholic amish "
        "jewish spirituality-religion christian-life apologetics new-age",
    ),
    _genre(
        "business",
        "Business & economics",
        "economics finance management entrepreneurship money economy business-books marketing "
        "personal-finance investing business-economics business-finance work "
        "economics-finance self-help-business startup startups",
    ),
    _genre(
        "politics",
        "Politics & society",
        "political sociology feminism feminist politics-history political-science "
        "social-justice current-events race culture government social-science anthropology "
        "cultural-studies gender women-s-studies current-affairs society political-fiction "
        "law",
    ),
    _genre("true-crime", "True crime", "truecrime serial-killers serial-killer"),
    _genre(
        "travel",
        "Travel",
        "travel-writing travelogue travel-memoir travelogues travel-literature exploration "
        "mountaineering travels",
    ),
    _genre(
        "food",
        "Food & cooking",
        "cookbooks cooking cookbook food-writing foodie culinary recipes cook-books "
        "food-and-cooking food-and-drink foodies food-memoir",
    ),
    _genre(
        "art",
        "Art & music",
        "music art-history photography art-design design art-books rock-n-roll film artists "
        "fashion architecture music-biography creativity",
    ),
    _genre(
        "lgbt",
        "LGBT",
        "lgbtq glbt queer gay lgbtqia lesbian m-m gay-fiction lgbt-fiction lgbtqi glbtq "
        "gay-romance queer-lit lgbtq-fiction transgender gay-lesbian",
    ),
    _genre("sports", "Sports", "sport baseball football running basketball sports-fiction soccer"),
)


@cache
def _slugs_by_tag() -> dict[str, str]:
    return {tag: genre.slug for genre in GENRES for tag in genre.tags}


def genre_of_tag(name: str) -> str | None:
    """Slug of the genre that a tag counts as, whatever its case and word breaks; None for none."""
    return _slugs_by_tag().get("-".join(name.casefold().replace("_", " ").split()))
