"""What a browser would send of a page's form if its button were pressed at once."""

from html.parser import HTMLParser


class FormReader(HTMLParser):
    """Collects the successful controls of the form with this id, each name with all its values."""

    def __init__(self, form_id: str) -> None:
        super().__init__()
        self.form_id = form_id
        self.values: dict[str, list[str]] = {}
        self.select = self.first_option = self.textarea = ""
        self.is_inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.is_inside = given.get("id") == self.form_id
        if not self.is_inside:
            return
        if tag == "select":
            self.select, self.first_option = given.get("name") or "", ""
        elif tag == "option" and self.select:
            self.first_option = self.first_option or str(given.get("value"))
            if "selected" in given:
                self.values.setdefault(self.select, []).append(given.get("value") or "")
        elif tag == "textarea" and given.get("name"):
            self.textarea = str(given["name"])
            self.values[self.textarea] = [""]
        elif tag == "input" and given.get("name"):
            is_box = given.get("type") in {"checkbox", "radio"}
            if not is_box or "checked" in given:
                self.values.setdefault(str(given["name"]), []).append(given.get("value") or ("on" if is_box else ""))

    def handle_data(self, data: str) -> None:
        if self.textarea:
            self.values[self.textarea][0] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.is_inside = False
        elif tag == "textarea" and self.textarea:
            # The line break after the opening tag is not part of the value.
            self.values[self.textarea][0] = self.values[self.textarea][0].removeprefix("\n")
            self.textarea = ""
        elif tag == "select":
            self.values.setdefault(self.select, [self.first_option])  # as a browser does where none is selected
            self.select = ""


def read_form(page: str, form_id: str) -> dict[str, list[str]]:
    """Return the fields of a form as the page shows them."""
    reader = FormReader(form_id)
    reader.feed(page)
    return reader.values
