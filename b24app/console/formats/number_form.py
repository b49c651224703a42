"""The form of a phone number, as people write them."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from providers.kit.phones import BadNumber, read_e164


class NumberForm(forms.Form):
    """A phone number, in E.164 once it is clean; `country` reads it when it has no country code."""

    use_required_attribute = False

    number = forms.CharField(
        max_length=40,
        label=gettext_lazy("Phone number"),
        widget=forms.TextInput({"class": "input--sm", "inputmode": "tel", "dir": "ltr", "autocomplete": "off"}),
        error_messages={"required": gettext_lazy("Enter a phone number.")},
    )

    def __init__(self, country: str = "", data: Any = None, **options: Any) -> None:
        super().__init__(data, **options)
        self.country = country

    def clean_number(self) -> str:
        try:
            return read_e164(self.cleaned_data["number"], self.country)
        except BadNumber as bad:
            raise forms.ValidationError(_(bad.words)) from None
