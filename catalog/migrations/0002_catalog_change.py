from django.db import migrations, models

# Everything that the search index is made of. A trigger sees every writer: services, the admin,
# imports by COPY, and whoever has a psql.
TABLES = {
    "catalog_book": "title, original_title, search_text, isbn10, isbn13, ratings_count, is_hidden",
    "catalog_author": "name",
    "catalog_series": "name",
    "catalog_authorship": "book_id, author_id",
    "catalog_volume": "book_id, series_id, label",
}
CREATE = """
CREATE FUNCTION catalog_note_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO catalog_catalogchange DEFAULT VALUES;
    RETURN NULL;
END $$;
""" + "".join(
    f"""
CREATE TRIGGER note_change AFTER INSERT OR UPDATE OF {columns} OR DELETE OR TRUNCATE
    ON {table} FOR EACH STATEMENT EXECUTE FUNCTION catalog_note_change();
"""
    for table, columns in TABLES.items()
)
DROP = (
    "".join(f"DROP TRIGGER note_change ON {table};\n" for table in TABLES)
    + "DROP FUNCTION catalog_note_change();"
)


class Migration(migrations.Migration):

    dependencies = [("catalog", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="CatalogChange",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
            ],
        ),
        migrations.RunSQL(CREATE, DROP),
    ]
