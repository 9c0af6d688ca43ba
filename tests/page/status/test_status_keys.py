"""API keys in the status view: the first one, limits, revoking, and what is refused."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from tests.support.page.browser import Open
from tests.support.page.status import show, with_keys
from tests.support.running_server import running


def test_the_first_key_is_the_operators_and_the_page_goes_on_with_it(visit: Open, tmp_path: Path) -> None:
    with running("echo", "--key-file", str(tmp_path / "keys.sqlite3")) as server:
        page, _ = visit(server.url)
        show(page)
        page.get_by_role("button", name="New key").click()
        dialog = page.get_by_role("dialog", name="New key")
        dialog.get_by_label("Name").fill("boss")
        expect(dialog.get_by_role("checkbox")).to_be_checked()
        dialog.get_by_role("button", name="New key").click()
        shown = page.get_by_role("dialog", name="The key of boss")
        key = shown.locator("code").inner_text()
        shown.get_by_role("button", name="Copy").click()
        expect(page.get_by_text("Copied.")).to_be_visible()
        assert page.evaluate("navigator.clipboard.readText()") == key
        shown.get_by_role("button", name="I have saved it").click()
        row = page.get_by_role("region", name="Keys").get_by_role("row").filter(has_text="boss")
        expect(row).to_contain_text("Operator")
        expect(row).to_contain_text("Yours")
        assert key not in page.content()
        page.reload()
        expect(row).to_contain_text("Yours")
        assert server.status("/v1/models") == 401


def test_keys_get_limits_that_change_and_are_revoked(visit: Open, tmp_path: Path) -> None:
    with with_keys(tmp_path) as (server, boss, _):
        page, faults = visit(server.url)
        faults.expect("401")
        show(page, boss)
        page.get_by_role("button", name="New key").click()
        form = page.get_by_role("dialog", name="New key")
        form.get_by_label("Name").fill("cron")
        form.get_by_label("Requests at a time").fill("4")
        form.get_by_label("Priority").select_option("After others")
        form.get_by_role("button", name="New key").click()
        page.get_by_role("button", name="I have saved it").click()
        keys = page.get_by_role("region", name="Keys")
        row = keys.get_by_role("row").filter(has_text="cron")
        expect(row).to_contain_text("After others")
        page.get_by_role("button", name="Change cron").click()
        page.get_by_role("dialog", name="Change cron").get_by_label("Requests at a time").fill("7")
        page.get_by_role("button", name="Save").click()
        expect(row.get_by_role("cell").first).to_have_text("7")
        page.get_by_role("button", name="Revoke cron").click()
        question = page.get_by_role("dialog", name="Revoke the key of cron?")
        question.get_by_role("button", name="Revoke", exact=True).click()
        expect(row).to_be_hidden()
        assert [key["name"] for key in server.client.get("/v1/keys").json()["data"]] == ["boss", "anna"]


def test_a_key_keeps_its_models_and_tokens_when_something_else_is_changed(visit: Open, tmp_path: Path) -> None:
    with with_keys(tmp_path) as (server, boss, _):
        page, faults = visit(server.url)
        faults.expect("401")
        show(page, boss)
        page.get_by_role("button", name="New key").click()
        form = page.get_by_role("dialog", name="New key")
        form.get_by_label("Name").fill("cron")
        form.get_by_label("Tokens a day").fill("9000")
        form.get_by_label("Only these models").fill("echo, other")
        form.get_by_role("button", name="New key").click()
        page.get_by_role("button", name="I have saved it").click()
        row = page.get_by_role("region", name="Keys").get_by_role("row").filter(has_text="cron")
        expect(row).to_contain_text("9,000")
        expect(row).to_contain_text("echo, other")
        page.get_by_role("button", name="Change cron").click()
        page.get_by_role("dialog", name="Change cron").get_by_label("Requests at a time").fill("7")
        page.get_by_role("button", name="Save").click()
        expect(row.get_by_role("cell").first).to_have_text("7")
        kept = next(key for key in server.client.get("/v1/keys").json()["data"] if key["name"] == "cron")
        assert (kept["max_running"], kept["tokens_per_day"], kept["models"]) == (7, 9000, ["echo", "other"])


def test_whose_tokens_are_limited_sees_how_many_are_left(visit: Open, tmp_path: Path) -> None:
    with with_keys(tmp_path) as (server, _, anna):
        server.client.put("/v1/keys", json={"name": "anna", "tokens_per_day": 900}).raise_for_status()
        page, faults = visit(server.url)
        faults.expect("401")
        show(page, anna)
        expect(page.get_by_text("Your key may use 900 more of its 900 tokens today.")).to_be_visible()


def test_a_name_that_has_a_key_is_told_in_the_form(visit: Open, tmp_path: Path) -> None:
    with with_keys(tmp_path) as (server, boss, _):
        page, faults = visit(server.url)
        faults.expect("401")
        faults.expect("409")
        show(page, boss)
        page.get_by_role("button", name="New key").click()
        form = page.get_by_role("dialog", name="New key")
        form.get_by_label("Name").fill("anna")
        form.get_by_role("button", name="New key").click()
        expect(form.get_by_role("alert")).to_contain_text("anna already has a key")
