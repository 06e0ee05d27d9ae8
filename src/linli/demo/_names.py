"""Names that are plainly made up: surnames that nobody bears, telephone numbers that cannot exist."""

from __future__ import annotations

import random

#: 例 means example, 某 someone, 虚 fiction, 拟 draft, 设 assume: nobody bears them.
SURNAMES = ("例", "某", "虚", "拟", "设")
_GIVEN_ONE = "明安宁春秋文佳晓海玉志思雨国"
_GIVEN_TWO = "远华和平兰松梅辰乐涵清英轩珍"
COMMUNITIES = (
    ("例松", "Sample Pine"), ("例竹", "Sample Bamboo"), ("例梅", "Sample Plum"), ("例兰", "Sample Orchid"),
    ("例菊", "Sample Aster"), ("例荷", "Sample Lotus"), ("例桂", "Sample Osmanthus"), ("例柳", "Sample Willow"),
    ("例枫", "Sample Maple"), ("例杏", "Sample Apricot"), ("例桃", "Sample Peach"), ("例榆", "Sample Elm"),
    ("例槐", "Sample Locust"), ("例樟", "Sample Camphor"), ("例桐", "Sample Paulownia"), ("例茶", "Sample Camellia"),
)  # fmt: skip
STREETS = (
    ("例西南", "Sample Southwest"), ("例东南", "Sample Southeast"),
    ("例西北", "Sample Northwest"), ("例东北", "Sample Northeast"),
)  # fmt: skip
COMPOUNDS = (
    ("春和园", "Chunhe Garden"), ("安居苑", "Anju Court"), ("向阳里", "Xiangyang Lane"), ("静水湾", "Jingshui Bay"),
    ("和风庭", "Hefeng Yard"), ("百草园", "Baicao Garden"), ("听雨轩", "Tingyu House"), ("明月里", "Mingyue Lane"),
    ("望山苑", "Wangshan Court"), ("长宁坊", "Changning Mews"), ("青石巷", "Qingshi Alley"), ("沁园", "Qin Garden"),
)  # fmt: skip


def full_name(rng: random.Random, surname: str = "") -> str:
    """Return the name of somebody who does not exist."""
    return (surname or rng.choice(SURNAMES)) + rng.choice(_GIVEN_ONE) + rng.choice(_GIVEN_TWO)


def telephone(rng: random.Random) -> str:
    """Return eleven digits that no exchange hands out: a mobile number never begins with three noughts."""
    return f"000{rng.randrange(10**8):08d}"


def numbered(names: tuple[tuple[str, str], ...], index: int, zh_tail: str, en_tail: str) -> dict[str, str]:
    """Return the index-th name in both languages; from the second round on with a number."""
    zh, en = names[index % len(names)]
    turn = index // len(names)
    return {
        "zh": f"{zh}{turn + 1 if turn else ''}{zh_tail}",
        "en": f"{en}{f' {turn + 1}' if turn else ''}{en_tail}",
    }
