"""What tags mean: blocked, a synonym of another, or counted as a genre."""

from collections.abc import Collection
from typing import Any

from django.db import transaction

from catalog.book_genres import derive_genres
from catalog.curation.errors import CurationError
from catalog.curation.journal import Curator, Subject, record_many
from catalog.models import CurationChange, Genre, Tag


@transaction.atomic
def set_blocked(
    tag_ids: Collection[int], is_blocked: bool, *, by: Curator, reason: str = ""
) -> int:
    """Block tags, which are then shown and learned from nowhere, or allow them again.

    Returns how many were not so already. The genres of their books follow.
    """
    tags = _locked(tag_ids)
    values = {tag.pk: {"is_blocked": is_blocked} for tag in tags if tag.is_blocked != is_blocked}
    return _change(tags, values, "blocked" if is_blocked else "allowed", by=by, reason=reason)


@transaction.atomic
def make_synonyms(
    tag_ids: Collection[int], of: Tag | None, *, by: Curator, reason: str = ""
) -> int:
    """Let tags be other spellings of one, or words of their own again (None); return how many.

    Synonyms of a tag that becomes one itself go along: there is no synonym of a synonym.
    """
    if of is not None:
        of = Tag.objects.select_for_update(of=("self",)).get(pk=of.pk)
    if of is not None and of.synonym_of_id is not None:
        raise CurationError(f"“{of.name}” is a synonym itself; name the tag that it stands for.")
    wanted = set(tag_ids) - ({of.pk} if of else set())
    followers = Tag.objects.filter(synonym_of__in=wanted).values_list("pk", flat=True) if of else ()
    tags = _locked({*wanted, *followers})
    name = of.name if of else None
    values = {tag.pk: {"synonym_of": name} for tag in tags if _name_of(tag) != name}
    action = "made a synonym" if of else "no synonym any more"
    return _change(tags, values, action, by=by, reason=reason)


@transaction.atomic
def set_genre(
    tag_ids: Collection[int], genre: Genre | None, *, by: Curator, reason: str = ""
) -> int:
    """Let tags count as a genre, or as none, whatever imports think; return how many changed."""
    tags = _locked(tag_ids)
    slug = genre.slug if genre else None
    wanted = {"genre": slug, "genre_is_curated": True}
    values = {tag.pk: wanted for tag in tags if tag_values(tag) != {**tag_values(tag), **wanted}}
    action = "counted as a genre" if genre else "counted as no genre"
    return _change(tags, values, action, by=by, reason=reason)


def tag_values(tag: Tag) -> dict[str, Any]:
    """Return what the journal keeps of a tag, which has its genre and synonym loaded."""
    return {
        "is_blocked": tag.is_blocked,
        "synonym_of": _name_of(tag),
        "genre": tag.genre.slug if tag.genre else None,
        "genre_is_curated": tag.genre_is_curated,
    }


def restore_tag(tag: Tag, values: dict[str, Any]) -> None:
    """Bring a tag to what the journal kept of it."""
    _write([tag], {tag.pk: values})


def _name_of(tag: Tag) -> str | None:
    return tag.synonym_of.name if tag.synonym_of else None


def _locked(tag_ids: Collection[int]) -> list[Tag]:
    return list(
        Tag.objects.select_for_update(of=("self",))
        .filter(pk__in=tag_ids)
        .select_related("genre", "synonym_of")
        .order_by("pk")
    )


def _change(
    tags: list[Tag], values: dict[int, dict[str, Any]], action: str, *, by: Curator, reason: str
) -> int:
    changed = [tag for tag in tags if tag.pk in values]
    before = {tag.pk: tag_values(tag) for tag in changed}
    _write(changed, values)
    record_many(
        (
            (
                Subject(CurationChange.Subject.TAG, tag.pk, tag.name),
                before[tag.pk],
                {**before[tag.pk], **values[tag.pk]},
            )
            for tag in changed
        ),
        action,
        by=by,
        reason=reason,
    )
    return len(changed)


def _write(tags: list[Tag], values: dict[int, dict[str, Any]]) -> None:
    """Write the values of tags and bring the genres of their books to them."""
    if not tags:
        return
    names = {v["synonym_of"] for v in values.values() if v.get("synonym_of")}
    synonyms = {tag.name: tag for tag in Tag.objects.filter(name__in=names)}
    genres = {genre.slug: genre for genre in Genre.objects.all()}
    for tag in tags:
        wanted = values[tag.pk]
        tag.is_blocked = wanted.get("is_blocked", tag.is_blocked)
        tag.genre_is_curated = wanted.get("genre_is_curated", tag.genre_is_curated)
        if "synonym_of" in wanted:
            if wanted["synonym_of"] and wanted["synonym_of"] not in synonyms:
                raise CurationError(f"There is no tag “{wanted['synonym_of']}” any more.")
            tag.synonym_of = synonyms.get(wanted["synonym_of"])
        if "genre" in wanted:
            tag.genre = genres.get(wanted["genre"])
    Tag.objects.bulk_update(tags, ["is_blocked", "genre_is_curated", "synonym_of", "genre"])
    derive_genres(
        "id IN (SELECT book_id FROM catalog_booktag JOIN catalog_tag t ON t.id = tag_id "
        "WHERE tag_id = ANY (%s) OR t.synonym_of_id = ANY (%s))",
        [[tag.pk for tag in tags]] * 2,
    )
