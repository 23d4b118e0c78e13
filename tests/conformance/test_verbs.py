"""The tolerances: what of a reply each of them compares."""

import pytest

from conformance.resp import Reply
from conformance.verbs import Tolerance, VerbError


def bulk(data: str) -> Reply:
    return Reply("$", data.encode())


def integer(number: int) -> Reply:
    return Reply(":", b"%d" % number)


def array(*items: Reply, kind: str = "*") -> Reply:
    return Reply(kind, None, items)


def alike(verb: str, first: Reply, second: Reply) -> bool:
    tolerance = Tolerance.parse(verb)
    return tolerance.text(first) == tolerance.text(second)


ERROR = Reply("-", b"ERR no such thing")


class TestSame:
    def test_type_bytes_and_order_count(self) -> None:
        assert alike("same", array(bulk("a"), integer(1)), array(bulk("a"), integer(1)))
        assert not alike("same", bulk("1"), integer(1))
        assert not alike("same", bulk("OK"), Reply("+", b"OK"))
        assert not alike("same", Reply("$"), Reply("*"))
        assert not alike("same", array(bulk("a"), bulk("b")), array(bulk("b"), bulk("a")))
        assert not alike("same", array(bulk("a")), array(bulk("a"), kind="~"))
        assert not alike("same", array(bulk("a"), bulk("b")), array(bulk("a"), bulk("b"), kind="%"))


class TestSameSorted:
    def test_order_does_not_count_at_any_depth(self) -> None:
        first = array(bulk("0"), array(bulk("a"), bulk("b")))
        assert alike("same_sorted", first, array(bulk("0"), array(bulk("b"), bulk("a"))))
        assert not alike("same_sorted", first, array(bulk("0"), array(bulk("b"), bulk("b"))))

    def test_it_is_a_multiset(self) -> None:
        assert not alike("same_sorted", array(bulk("a"), bulk("a")), array(bulk("a")))

    def test_maps_keep_their_pairs(self) -> None:
        first = array(bulk("a"), integer(1), bulk("b"), integer(2), kind="%")
        assert alike("same_sorted", first, array(bulk("b"), integer(2), bulk("a"), integer(1), kind="%"))
        assert not alike("same_sorted", first, array(bulk("b"), integer(1), bulk("a"), integer(2), kind="%"))

    def test_scalars_are_compared_whole(self) -> None:
        assert not alike("same_sorted", bulk("ab"), bulk("ba"))


class TestSameError:
    def test_only_the_first_word_of_an_error(self) -> None:
        assert alike("same_error", ERROR, Reply("-", b"ERR another"))
        assert not alike("same_error", ERROR, Reply("-", b"WRONGTYPE no such thing"))
        assert not alike("same_error", ERROR, Reply("!", b"ERR no such thing"))
        assert not alike("same_error", bulk("a b"), bulk("a c"))


class TestApprox:
    def test_numbers_in_the_range_are_one(self) -> None:
        assert alike("approx:9..10", integer(9), integer(10))
        assert not alike("approx:9..10", integer(10), integer(11))
        assert not alike("approx:9..10", integer(10), bulk("10"))
        assert alike("approx:-2..3", Reply(",", b"1.5"), Reply(",", b"-2"))

    def test_what_lies_outside_is_shown(self) -> None:
        assert Tolerance.parse("approx:9..10").text(integer(-1)) == ":-1"
        assert Tolerance.parse("approx:9..10").text(ERROR) == "-ERR no such thing"
        assert Tolerance.parse("approx:9..10").text(Reply("$")) == "$nil"

    @pytest.mark.parametrize("word", ["approx", "approx:9", "approx:a..b", "approx:9..", "approx:1..2.5"])
    def test_the_range_is_required(self, word: str) -> None:
        with pytest.raises(VerbError):
            Tolerance.parse(word)


class TestNear:
    def test_so_many_decimals_count(self) -> None:
        assert alike("near:3", Reply(",", b"0.99996"), Reply(",", b"1"))
        assert not alike("near:5", Reply(",", b"0.99996"), Reply(",", b"1"))
        assert alike("near:2", bulk("-1e-7"), bulk("0"))
        assert not alike("near:2", bulk("1"), Reply(",", b"1"))

    def test_what_is_no_number_is_compared_whole(self) -> None:
        assert alike("near:3", array(bulk("a"), bulk("0.5")), array(bulk("a"), bulk("0.50001")))
        assert not alike("near:3", array(bulk("a")), array(bulk("b")))
        assert alike("near:3", bulk("nan"), bulk("nan"))
        assert not alike("near:3", integer(1), integer(2))
        assert Tolerance.parse("near:3").text(ERROR) == "-ERR no such thing"

    def test_the_order_counts_unless_it_is_said_not_to(self) -> None:
        one, other = array(bulk("a"), bulk("b")), array(bulk("b"), bulk("a"))
        assert not alike("near:3", one, other)
        assert alike("near:3,sorted", one, other)
        pairs = bulk("a"), Reply(",", b"1"), bulk("b"), Reply(",", b"2")
        assert alike("near:3,sorted", Reply("%", None, pairs), Reply("%", None, (*pairs[2:], *pairs[:2])))

    @pytest.mark.parametrize("word", ["near", "near:x", "near:-1", "near:3,", "near:3,shuffled"])
    def test_the_decimals_are_required(self, word: str) -> None:
        with pytest.raises(VerbError):
            Tolerance.parse(word)


class TestType:
    def test_only_the_shape_counts(self) -> None:
        assert alike("type", bulk("a"), bulk("bcd"))
        assert not alike("type", bulk("a"), integer(1))
        assert not alike("type", bulk("a"), Reply("$"))
        assert alike("type", array(bulk("a")), array(bulk("b"), bulk("c")))
        assert not alike("type", array(bulk("a")), array(bulk("b"), integer(1)))
        assert not alike("type", array(bulk("a")), array())

    def test_keys_of_maps_are_kept(self) -> None:
        first = array(bulk("id"), integer(1), kind="%")
        assert alike("type", first, array(bulk("id"), integer(2), kind="%"))
        assert not alike("type", first, array(bulk("di"), integer(1), kind="%"))

    def test_errors_are_compared_whole(self) -> None:
        assert not alike("type", ERROR, Reply("-", b"ERR another"))


class TestColumns:
    def test_only_these_items_of_each_row_count(self) -> None:
        first = array(array(integer(1), bulk("a"), bulk("b")), array(integer(2), bulk("a"), bulk("c")))
        second = array(array(integer(8), bulk("a"), bulk("b")), array(integer(9), bulk("a"), bulk("c")))
        assert alike("columns:1,2", first, second)
        assert not alike("columns:0", first, second)
        assert not alike("columns:1", first, array(array(integer(1), bulk("a"))))

    def test_what_is_no_table_is_compared_whole(self) -> None:
        assert not alike("columns:1", bulk("a"), bulk("b"))
        assert not alike("columns:1", array(array(integer(1))), array(array(integer(2))))

    def test_refuses_what_is_no_column(self) -> None:
        with pytest.raises(VerbError):
            Tolerance.parse("columns")


class TestMoments:
    def test_times_are_alike_and_other_numbers_are_not(self) -> None:
        first = array(integer(1_700_000_000_000), integer(1), kind="%")
        assert alike("moments", first, array(integer(1_800_000_000_000), integer(1), kind="%"))
        assert not alike("moments", first, array(integer(1_800_000_000_000), integer(2), kind="%"))
        assert not alike("moments", first, array(integer(-1), integer(1), kind="%"))
        assert not alike("moments", bulk("1700000000000"), bulk("1800000000000"))


class TestFields:
    INFO = bulk("# Server\r\nversion:8.0.6\r\ndb0:keys=1,expires=0\r\n")

    def test_the_names_count(self) -> None:
        assert alike("fields", bulk("id=1 name= cmd=client|info\n"), bulk("id=22 name=x cmd=get\n"))
        assert not alike("fields", bulk("id=1 name=\n"), bulk("id=1 nom=\n"))
        assert Tolerance.parse("fields").text(self.INFO) == "$fields\n  # Server\n  version:\n  db0:"

    def test_named_ones_stand_alone_with_their_values(self) -> None:
        assert Tolerance.parse("fields:version,nosuch").text(self.INFO) == "$fields\n  version:8.0.6"
        assert (
            Tolerance.parse("fields:id,db").text(bulk("id=1 x=2 db=3\nid=4\n"))
            == "$fields\n  id=1 db=3\n  id=4"
        )

    def test_flags_do_not_tell_of_the_socket(self) -> None:
        shown = Tolerance.parse("fields:flags").text
        assert shown(bulk("flags=PU\nflags=U\nflags=N\nflags=tB\n")) == shown(
            bulk("flags=P\nflags=N\nflags=N\nflags=UtB\n")
        )

    def test_some_can_be_left_out(self) -> None:
        assert Tolerance.parse("fields:-version").text(self.INFO) == "$fields\n  # Server\n  db0:"
        with pytest.raises(VerbError):
            Tolerance.parse("fields:version,-db0")

    def test_the_format_of_a_verbatim_string_is_no_field(self) -> None:
        assert Tolerance.parse("fields").text(Reply("=", b"txt:id=1 a=2")) == "=fields\n  id= a="

    def test_other_replies_are_compared_whole(self) -> None:
        assert Tolerance.parse("fields").text(ERROR) == "-ERR no such thing"
        assert Tolerance.parse("fields").text(Reply("$")) == "$nil"


class TestMask:
    def test_values_of_maps_and_flat_pairs(self) -> None:
        for kind in "*%":
            first = array(bulk("id"), integer(1), bulk("proto"), integer(3), kind=kind)
            assert alike(
                "mask:id", first, array(bulk("id"), integer(2), bulk("proto"), integer(3), kind=kind)
            )
            assert not alike(
                "mask:id", first, array(bulk("id"), bulk("2"), bulk("proto"), integer(3), kind=kind)
            )
            assert not alike(
                "mask:id", first, array(bulk("id"), integer(1), bulk("proto"), integer(2), kind=kind)
            )

    def test_at_every_depth(self) -> None:
        first = array(bulk("get"), array(bulk("summary"), bulk("a"), bulk("since"), bulk("1.0")))
        second = array(bulk("get"), array(bulk("summary"), bulk("b"), bulk("since"), bulk("1.0")))
        assert alike("mask:summary", first, second)
        assert not alike("mask:since", first, second)

    def test_after_a_minus_they_are_left_out(self) -> None:
        first = array(bulk("a"), integer(1), bulk("modules"), array(), kind="%")
        assert alike("mask:-modules", first, array(bulk("a"), integer(1), kind="%"))
        assert not alike("mask:modules", first, array(bulk("a"), integer(1), kind="%"))

    def test_fields_of_a_text(self) -> None:
        first = Reply("+", b"Value at:0x1 refcount:1")
        assert alike("mask:at", first, Reply("+", b"Value at:0xffff refcount:1"))
        assert not alike("mask:at", first, Reply("+", b"Value at:0x1 refcount:2"))
        assert (
            Tolerance.parse("mask:usec").text(bulk("get:calls=1,usec=5\n")) == "$fields\n  get:calls=1,usec=*"
        )

    def test_a_text_without_them_is_compared_whole(self) -> None:
        assert Tolerance.parse("mask:at").text(bulk("a\nb")) == '$"a\\nb"'
        assert Tolerance.parse("mask:at").text(ERROR) == "-ERR no such thing"

    def test_names_are_required(self) -> None:
        with pytest.raises(VerbError):
            Tolerance.parse("mask")


class TestHelp:
    def test_sentences_do_not_count(self) -> None:
        first = array(Reply("+", b"GET <key>"), Reply("+", b"    Return it."))
        assert alike(
            "help", first, array(Reply("+", b"GET <key>"), Reply("+", b"    Other"), Reply("+", b"  words"))
        )
        assert not alike("help", first, array(Reply("+", b"SET <key>"), Reply("+", b"    Return it.")))
        assert Tolerance.parse("help").text(ERROR) == "-ERR no such thing"


@pytest.mark.parametrize(
    "word", ["nosuch", "", "same:x", "same_sorted:x", "same_error:x", "type:x", "help:x"]
)
def test_what_is_no_tolerance(word: str) -> None:
    with pytest.raises(VerbError):
        Tolerance.parse(word)


def test_the_flag_of_a_unix_socket_is_not_shown() -> None:
    assert alike("fields:flags", bulk("id=1 flags=bU"), bulk("id=2 flags=b"))
    assert alike("fields:flags", bulk("flags=U"), bulk("flags=N"))
    assert not alike("fields:flags", bulk("flags=bU"), bulk("flags=xU"))
