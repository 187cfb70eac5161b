"""The page in a real browser."""


def test_there_are_two_tabs(open_page):
    page = open_page()
    page.get_by_role("tab", name="Points").wait_for()
    page.get_by_role("tab", name="Draw a digit").click()
