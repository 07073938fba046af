"""Operators look at the parties of a split before anybody is paid by it."""

from tests.web import give_gateway, make_member, make_operator, signed_in


async def test_a_merchant_s_split_waits_for_an_operator_s_look(stack):
    member = make_member(stack)
    shop = stack.make_shop()
    give_gateway(stack, member.account_id, shop.id)
    ((split,),) = stack.sql(
        """
        insert into split (gateway_id, valid_from, parts, person_id, at)
        select id, now(), %s::jsonb, %s, now() from gateway where account_id = %s returning id
        """,
        '{"fee_from": "remainder", "parts": [{"payee": "شریک", "iban": "IR430120000000000000000001", "ppm": 125000},'
        ' {"payee": "فروشگاه", "iban": "IR310170000000001000000001"}]}',
        *(member.person_id, member.account_id),
    )
    for lang, share in (("en", "12.5%"), ("fa", "۱۲٫۵٪")):
        async with signed_in(stack, make_operator(stack, "finance"), lang=lang) as console:
            assert f"/console/splits/{split}" in (await console.get("/console/splits")).links()
            page = await console.get(f"/console/splits/{split}")
            assert page.status == 200
            assert "IR430120000000000000000001" in page.text
            assert share in page.text
    async with signed_in(stack, make_operator(stack, "finance")) as console:
        page = await console.get(f"/console/splits/{split}")
        assert (await console.send(page, "/agree", reason="")).status == 400
        done = await console.send(page, "/agree", reason="contract 42")
        assert done.path == "/console/splits"
        assert f"/console/splits/{split}" not in done.links()
    assert stack.sql("select operator_id is not null from split where id = %s", split) == [(True,)]
    assert stack.sql("select reason from audit_log where act = 'agree_split'")[-1] == ("contract 42",)


async def test_support_looks_and_does_not_agree(stack):
    async with signed_in(stack, make_operator(stack, "support")) as console:
        assert (await console.get("/console/splits")).status == 200
        assert (await console.get("/console/splits/999999")).status == 404
        assert (await console.post("/console/splits/999999/agree", reason="x")).status == 403
