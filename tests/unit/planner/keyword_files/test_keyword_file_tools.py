"""The exports people have, each by its own headers."""

from pathlib import Path

import pytest
from openpyxl import Workbook
from planner.keyword_files import Intent, KeywordRow, Tool, read_keywords

from tests.unit.planner.keyword_files.keyword_tables import Read, write

SAMPLES = Path(__file__).parents[4] / "samples"


class TestTheRealSamples:
    def test_hand_made_sheet(self) -> None:
        read = Read(SAMPLES / "equipment-finance.csv")
        assert (len(read.rows), read.errors, read.report.tool) == (94, [], Tool.HAND_MADE)
        assert read.rows[0] == KeywordRow(
            line=2,
            keyword="equipment financing Malaysia",
            volume=520,
            difficulty=75,
            intent=Intent.COMMERCIAL,
            intents=(Intent.COMMERCIAL,),
            cpc="8.50",
        )

    def test_keyword_planner_export_in_utf16(self) -> None:
        read = Read(SAMPLES / "equipment-finance-keyword-planner.csv")
        assert (len(read.rows), read.errors) == (117, [])
        assert (read.report.tool, read.report.header_line) == (Tool.GOOGLE_KEYWORD_PLANNER, 3)
        assert (read.report.encoding, read.report.delimiter) == ("utf-16", "\t")
        assert {row.volume for row in read.rows} == {32, 316}
        assert all(row.volume_estimated and row.cpc_currency == "MYR" for row in read.rows)
        assert all(row.difficulty is None for row in read.rows)
        assert "货车贷款马来西亚" in read.keywords
        assert "Competition (indexed value)" in read.report.ignored

    def test_marketing_sheet_lists_the_notes_below_the_table_as_errors(self) -> None:
        read = Read(SAMPLES / "marketing-agency.csv")
        assert (len(read.rows), len(read.errors)) == (107, 8)
        assert [error.line for error in read.errors] == [103, *range(110, 117)]
        assert read.errors[1].value == "Summary Statistics:"
        assert sum(row.volume is None for row in read.rows) == 77
        assert read.rows[1].cpc_currency == "MYR"
        assert read.report.ignored == ("Competition Level",)


class TestSemrush:
    def test_keyword_magic_takes_the_first_intent_and_keeps_empty_difficulty_unknown(
        self, tmp_path: Path
    ) -> None:
        read = Read(
            write(
                tmp_path / "magic.csv",
                "Keyword,Intent,Volume,Trend,Keyword Difficulty,CPC (USD),Competitive Density,SERP Features,"
                "Number of Results\n"
                'truck loan,"Commercial, Transactional",1300,"0.5,1.0",85.18,2.50,0.9,"Ads, Reviews",9000\n'
                "lorry loan,Informational,90,,,0,0.1,,\n",
            )
        )
        assert read.report.tool is Tool.SEMRUSH
        first, second = read.rows
        assert (first.difficulty, first.volume, first.cpc, first.cpc_currency) == (85, 1300, "2.50", "USD")
        assert first.intents == (Intent.COMMERCIAL, Intent.TRANSACTIONAL)
        assert (second.difficulty, second.cpc) == (None, "0")

    @pytest.mark.parametrize(
        ("text", "row"),
        [
            (
                "Keyword;Search Volume;CPC;Competition;Number of Results;Keyword Difficulty Index\n"
                "truck loan;1300;1.234;0.77;1000;62.5\n",
                KeywordRow(2, "truck loan", 1300, difficulty=63, cpc="1.234", source=Tool.SEMRUSH_API),
            ),
            (
                "Keyword;Search Volume;CPC;Competition;Number of Results\ntruck loan;1300;1.20;0.77;1000\n",
                KeywordRow(2, "truck loan", 1300, cpc="1.20", source=Tool.SEMRUSH_API),
            ),
            (
                "database;Keyword;Search Volume;Keyword Difficulty Index;Intent\nmy;truck loan;90;;0,3\n",
                KeywordRow(
                    2,
                    "truck loan",
                    90,
                    intent=Intent.COMMERCIAL,
                    intents=(Intent.COMMERCIAL, Intent.TRANSACTIONAL),
                    locale="my",
                    source=Tool.SEMRUSH_API,
                ),
            ),
        ],
    )
    def test_api(self, tmp_path: Path, text: str, row: KeywordRow) -> None:
        assert Read(write(tmp_path / "api.csv", text)).rows == [row]

    def test_positions_folds_a_keyword_listed_per_url_and_never_sums(self, tmp_path: Path) -> None:
        read = Read(
            write(
                tmp_path / "positions.csv",
                "Keyword,Position,Previous position,Search Volume,Keyword Difficulty,CPC,URL,Traffic,Keyword Intents\n"
                "Truck loan,3,4,1300,62,2.5,https://a/1,9,commercial\n"
                "truck  LOAN,8,9,1300,62,2.5,https://a/2,1,commercial\n"
                "lorry,1,1,10,5,0.1,https://a/1,1,informational\n",
            )
        )
        assert read.report.tool is Tool.SEMRUSH_POSITIONS
        assert [(row.keyword, row.volume) for row in read.rows] == [("Truck loan", 1300), ("lorry", 10)]
        assert (read.tally.keywords, read.tally.duplicates, read.tally.errors) == (2, 1, 0)


class TestAhrefs:
    HEADER = (
        "#\tKeyword\tCountry\tDifficulty\tGlobal volume\tVolume\tCPC\tCPS\tParent Keyword\tSERP Features"
        "\tTraffic potential\tIntents\r\n"
    )

    def test_takes_volume_and_never_the_global_one(self, tmp_path: Path) -> None:
        text = (
            self.HEADER
            + "1\ttruck loan\tmy\t17\t90000\t1,300\t2.5\t1\tloan\tAds\t5\tInformational,Branded,Local\r\n"
        )
        read = Read(write(tmp_path / "ahrefs.csv", text, "utf-16"))
        assert read.report.tool is Tool.AHREFS
        assert read.rows == [
            KeywordRow(
                2,
                "truck loan",
                1300,
                difficulty=17,
                intent=Intent.INFORMATIONAL,
                intents=(Intent.INFORMATIONAL,),
                cpc="2.5",
                locale="my",
                source=Tool.AHREFS,
            )
        ]
        assert {"Global volume", "Parent Keyword"} <= set(read.report.ignored)

    def test_a_global_volume_alone_is_no_volume(self, tmp_path: Path) -> None:
        read = Read(write(tmp_path / "ahrefs.csv", "Keyword,Global volume,Volume (global)\ntruck loan,9,9\n"))
        assert read.rows[0].volume is None


class TestSearchConsole:
    @pytest.mark.parametrize(("rows", "cut"), [(999, False), (1000, True), (1001, False)])
    def test_marks_impressions_and_says_when_it_was_cut_off(
        self, tmp_path: Path, rows: int, cut: bool
    ) -> None:
        lines = "".join(f"query {n},1,{n + 1},5%,3.2\n" for n in range(rows))
        read = Read(write(tmp_path / "Queries.csv", "Top queries,Clicks,Impressions,CTR,Position\n" + lines))
        assert read.report.tool is Tool.SEARCH_CONSOLE
        assert (read.rows[7].volume, read.rows[7].volume_estimated) == (8, True)
        assert any("impressions" in warning for warning in read.report.warnings)
        assert any("1,000" in warning for warning in read.report.warnings) is cut


class TestHandMade:
    def test_germans_write_semicolons_and_decimal_commas(self, tmp_path: Path) -> None:
        text = "Suchbegriff;Suchvolumen;KD;CPC (€)\nBagger mieten;1.300;42,5;1.234,50\nKran;90;k. A.;8,5\n"
        read = Read(write(tmp_path / "liste.csv", text, "cp1252"))
        assert [(r.volume, r.difficulty, r.cpc, r.cpc_currency) for r in read.rows] == [
            (1300, 43, "1234.50", "EUR"),
            (90, None, "8.5", "EUR"),
        ]

    def test_competition_is_never_difficulty(self, tmp_path: Path) -> None:
        read = Read(write(tmp_path / "a.csv", "Query,Competition,Competition (indexed value)\nloan,0.9,90\n"))
        assert (read.rows[0].difficulty, read.report.columns) == (None, {"keyword": "Query"})

    def test_bad_rows_are_listed_and_stop_nobody(self, tmp_path: Path) -> None:
        read = Read(
            write(
                tmp_path / "a.csv",
                "Keyword,Search Volume,KD,Intent\n"
                "one,abc,1,\n"
                'two,"5\n",101,\n'
                "three,5,5,sideways\n"
                "\n"
                ",5,5,\n"
                "f\0ur,5,5,\n"
                f"{'x' * 256},5,5,\n"
                "a, b,5,5,info\n"
                'say "hi",5,5,n\n'
                '"say" hi,5,5,n\n'
                '"never closed,5,5,n\n'
                "last,1.3K,5,c\n",
            )
        )
        assert read.keywords == ['say "hi"', "last"]
        assert [(error.line, error.column) for error in read.errors] == [
            (2, "Search Volume"),
            (3, "KD"),
            (5, "Intent"),
            (7, "Keyword"),
            (8, "Keyword"),
            (9, "Keyword"),
            (10, None),
            (12, None),
            (13, None),
        ]
        assert (read.errors[0].value, read.errors[0].reason) == ("abc", "'abc' is not a number")
        assert "quotes" in read.errors[6].reason
        assert read.rows[-1].line == 14

    def test_an_endless_line_costs_its_row_alone(self, tmp_path: Path) -> None:
        read = Read(write(tmp_path / "a.csv", f"Keyword,Volume\none,1\n{'x' * 500_000},1\ntwo,2\n"))
        assert read.keywords == ["one", "two"]
        assert [(error.line, error.column) for error in read.errors] == [(3, None)]

    def test_a_file_can_be_read_twice(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.csv", "Keyword\none\nONE\n")
        file = read_keywords(path)
        assert list(file) == list(file)
        assert file.tally.duplicates == 1


class TestWorkbooks:
    def test_takes_the_sheet_with_the_keywords(self, tmp_path: Path) -> None:
        book = Workbook()
        assert book.active is not None
        book.active.append(["Date", "Clicks"])
        sheet = book.create_sheet("Queries")
        sheet.append(["Exported for Müller"])
        sheet.append(["Keyword", "Volume", "KD", "CPC (USD)", "Intent"])
        sheet.append(["truck loan", 1300, 85.18, 2.5, 0])
        sheet.append([])
        sheet.append(["货车贷款", "1K – 10K", None, None, None])
        sheet.append(["Notes:"])
        book.save(tmp_path / "book.xlsx")
        read = Read(tmp_path / "book.xlsx")
        assert (read.report.sheet, read.report.header_line, read.report.delimiter) == ("Queries", 2, None)
        assert [(r.line, r.keyword, r.volume, r.difficulty, r.cpc) for r in read.rows] == [
            (3, "truck loan", 1300, 85, "2.5"),
            (5, "货车贷款", 3162, None, None),
        ]
        assert [error.line for error in read.errors] == [6]
