from django.db import migrations

# Lists name the authors in the order of the cover, from the memory of each web process.
CREATE = """
DROP TRIGGER note_change ON catalog_authorship;
CREATE TRIGGER note_change AFTER INSERT OR UPDATE OF {columns} OR DELETE OR TRUNCATE
    ON catalog_authorship FOR EACH STATEMENT EXECUTE FUNCTION catalog_note_change();
"""


class Migration(migrations.Migration):

    dependencies = [("catalog", "0004_curation")]

    operations = [
        migrations.RunSQL(
            CREATE.format(columns="book_id, author_id, position"),
            CREATE.format(columns="book_id, author_id"),
        ),
    ]
