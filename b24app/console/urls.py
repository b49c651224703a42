"""The console's addresses: the ways in, and the screens in the portal's frame."""

from django.urls import URLPattern, URLResolver, include, path

from b24app.console.card import composer
from b24app.console.card import views as card_views
from b24app.console.changes import views as changes_views
from b24app.console.frame import launch
from b24app.console.help import support_file
from b24app.console.help import views as help_views
from b24app.console.home import views as home_views
from b24app.console.install import copies, reconnect, rights
from b24app.console.install import views as install_views
from b24app.console.journal import message, saved_views
from b24app.console.journal import views as journal_views
from b24app.console.journal.bulk import views as bulk_views
from b24app.console.journal.export import views as export_views
from b24app.console.reports import files as report_files
from b24app.console.reports import views as reports_views
from b24app.console.rest_log import views as rest_log_views
from b24app.console.senders import connect, segment_count, test_message, test_numbers
from b24app.console.senders import views as senders_views
from b24app.console.settings import limits, privacy
from b24app.console.settings import views as settings_views
from b24app.console.stop_list import views as stop_list_views
from b24app.console.text_templates import views as text_template_views

SCREENS: list[URLPattern | URLResolver] = [
    *home_views.urlpatterns,
    *install_views.urlpatterns,
    *connect.urlpatterns,
    *senders_views.urlpatterns,
    *test_message.urlpatterns,
    *test_numbers.urlpatterns,
    *segment_count.urlpatterns,
    *journal_views.urlpatterns,
    *reports_views.urlpatterns,
    *report_files.urlpatterns,
    *export_views.urlpatterns,
    *bulk_views.urlpatterns,
    *message.urlpatterns,
    *saved_views.urlpatterns,
    *settings_views.urlpatterns,
    *privacy.urlpatterns,
    *limits.urlpatterns,
    *changes_views.urlpatterns,
    *rest_log_views.urlpatterns,
    *text_template_views.urlpatterns,
    *stop_list_views.urlpatterns,
    *reconnect.urlpatterns,
    *copies.urlpatterns,
    *rights.urlpatterns,
    *help_views.urlpatterns,
    *support_file.urlpatterns,
    *card_views.urlpatterns,
    *composer.urlpatterns,
]

urlpatterns: list[URLPattern | URLResolver] = [
    *launch.urlpatterns,
    *stop_list_views.downloads,
    *privacy.downloads,
    *report_files.downloads,
    *export_views.downloads,
    *support_file.downloads,
    *changes_views.downloads,
    path("p/<str:key>/", include(SCREENS)),
]
