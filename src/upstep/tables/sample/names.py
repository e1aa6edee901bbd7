"""Names of companies, people and places. All invented; some are not ASCII, as in every real customer list."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from numpy.random import Generator

Option = TypeVar("Option")


@dataclass(frozen=True)
class Place:
    """Where an account is: its country, zone, usual currency, and how people and firms are called there."""

    country: str
    time_zone: str
    currency: str
    weight: int
    given: tuple[str, ...]
    family: tuple[str, ...]
    firms: tuple[str, ...]  # local firm names are a family name and one of these


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_US_GIVEN = _words(
    "Ava Liam Maya Noah Grace Ethan Zoe Marcus Priya Jordan Elena Caleb Naomi Theo Renee Omar Dana Felix"
)
_US_FAMILY = _words(
    "Carter Nguyen Brooks Patel Reyes Coleman Foster Kim Hughes Okafor Delgado Wallace Shah Bennett Price"
)
PLACES: tuple[Place, ...] = (
    Place("US", "America/New_York", "usd", 22, _US_GIVEN, _US_FAMILY, ("& Co", "Brothers")),
    Place("US", "America/Los_Angeles", "usd", 14, _US_GIVEN, _US_FAMILY, ("Collective", "& Daughters")),
    Place(
        "GB",
        "Europe/London",
        "gbp",
        10,
        _words("Oliver Isla Harriet Callum Freya Imogen Rhys Poppy Alistair Niamh"),
        _words("Whitaker Ainsley Thorne Pemberton Mackay Lowell Ashdown Quigley Barlow"),
        ("& Sons Ltd", "Partners"),
    ),
    Place(
        "DE",
        "Europe/Berlin",
        "eur",
        11,
        _words("Anna Jürgen Lena Matthias Käthe Björn Sabine Florian Antje Götz"),
        _words("Müller Schröder Weiß Bäcker Vogel Jäger Krüger Lindner Böhm"),
        ("& Söhne GmbH", "Technik GmbH", "Handels KG"),
    ),
    Place(
        "FR",
        "Europe/Paris",
        "eur",
        7,
        _words("Chloé Hugo Élodie Mathieu Zoé François Océane Rémi Anaïs"),
        _words("Lefèvre Moreau Gauthier Béranger Châtelain Dufour Lemaître"),
        ("et Fils", "Conseil"),
    ),
    Place(
        "ES",
        "Europe/Madrid",
        "eur",
        5,
        _words("Lucía Álvaro Inés Íñigo Begoña Sofía Rubén Marina"),
        _words("Jiménez Ibáñez Muñoz Cáceres Peña Salcedo Zúñiga"),
        ("e Hijos", "Logística"),
    ),
    Place(
        "SE",
        "Europe/Stockholm",
        "eur",
        4,
        _words("Åsa Björn Linnéa Göran Elin Håkan Märta Nils"),
        _words("Åkesson Sjöberg Öhman Lindqvist Nyström Söderlund"),
        ("Handel AB", "Energi AB"),
    ),
    Place(
        "DK",
        "Europe/Copenhagen",
        "eur",
        3,
        _words("Søren Freja Jørgen Mette Asger Signe"),
        _words("Søndergaard Møller Kjær Østergaard Brøndum"),
        ("Logistik A/S", "Design ApS"),
    ),
    Place(
        "PL",
        "Europe/Warsaw",
        "eur",
        4,
        _words("Łukasz Małgorzata Paweł Zofia Grażyna Tomasz"),
        _words("Wójcik Łukasik Zieliński Dąbrowska Król Żak"),
        ("Logistyka", "i Wspólnicy"),
    ),
    Place(
        "TR",
        "Europe/Istanbul",
        "usd",
        3,
        _words("Ayşe Çağlar Gülşen İbrahim Şebnem Oğuz"),
        _words("Öztürk Çınar Yıldız Şahin Güneş Koç"),
        ("Yazılım", "Tekstil"),
    ),
    Place(
        "JP",
        "Asia/Tokyo",
        "usd",
        4,
        _words("陽菜 健太 美咲 大輔 さくら 拓海"),
        _words("佐藤 高橋 渡辺 小林 山口 森"),
        ("商事", "システム"),
    ),
    Place(
        "BR",
        "America/Sao_Paulo",
        "usd",
        4,
        _words("João Thaís Antônio Letícia Márcio Conceição"),
        _words("Gonçalves Araújo Magalhães Brandão Simões"),
        ("e Irmãos", "Soluções"),
    ),
    Place(
        "IN",
        "Asia/Kolkata",
        "usd",
        6,
        _words("Aarav Diya Rohan Meera Kavya Arjun Ishaan Nandini"),
        _words("Iyer Banerjee Kulkarni Menon Chaudhary Reddy Bhatt"),
        ("Industries", "& Associates"),
    ),
    Place(
        "AU",
        "Australia/Sydney",
        "usd",
        3,
        _words("Lachlan Matilda Heath Bronte Angus Tilly"),
        _words("Fairweather Dunmore Kingsley Hartigan Mulder"),
        ("Supply", "Pty"),
    ),
)

INDUSTRIES: dict[str, tuple[str, ...]] = {
    "software": _words("Labs Software Systems Cloud"),
    "retail": _words("Goods Market Outfitters Supply"),
    "health": _words("Health Clinics Care"),
    "logistics": _words("Freight Logistics Couriers"),
    "education": _words("Academy Learning Schools"),
    "finance": _words("Pay Capital Insurance Ledger"),
    "media": _words("Media Press Studios"),
    "travel": _words("Travel Tours Stays"),
    "manufacturing": _words("Works Instruments Foundry"),
    "nonprofit": _words("Foundation Trust"),
}

_FRONTS = _words(
    "Alder Amber Birch Blue Bright Cedar Clear Copper Coral Crest East Elm Ever Fair Fern Flint Fox Glen Golden Granite"
    " Green Harbor Hazel High Iron Ivy Juniper Lake Lark Laurel Light Lime Linden Maple Meadow Moss North Oak Ocean"
    " Otter Pebble Pine Quartz Raven Red River Rowan Sage Silver Stone Summer Swift Thorn Timber Valley Willow Wren"
)
_ENDS = _words(
    "brook bridge croft dale field ford gate grove haven lane mark mere mont path point port ridge side spring view"
    " stead ward water way well wick wood worth"
)

_LETTERS = str.maketrans(
    {"ø": "oe", "Ø": "Oe", "ł": "l", "Ł": "L", "ß": "ss", "ı": "i", "İ": "I", "æ": "ae", "ş": "s", "&": " and "}
    | dict(
        zip(
            "佐藤高橋渡辺小林山口森商事",
            _words("sa to taka hashi wata nabe ko bayashi yama guchi mori sho ji"),
            strict=True,
        )
    )
    | dict(zip("陽菜健太美咲大輔拓海", _words("hi na ken ta mi saki dai suke taku mi"), strict=True))
    | dict(zip("さくらシステム", _words("sa ku ra shi su te mu"), strict=True))
)


def slug(name: str) -> str:
    """A name as an identifier: ASCII, lower case, words joined by a hyphen.

    >>> slug("Søndergaard Logistik A/S")
    'soendergaard-logistik-a-s'
    """
    plain = unicodedata.normalize("NFKD", name.translate(_LETTERS)).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-") or "account"


def pick(rng: Generator, options: Sequence[Option]) -> Option:
    """One of the options, all equally likely."""
    return options[int(rng.integers(len(options)))]


def company_name(rng: Generator, place: Place) -> tuple[str, str]:
    """A company's name and its industry. One in five is called as firms are called locally."""
    industry = pick(rng, tuple(INDUSTRIES))
    if rng.random() < 0.2:
        return f"{pick(rng, place.family)} {pick(rng, place.firms)}", industry
    return f"{pick(rng, _FRONTS)}{pick(rng, _ENDS)} {pick(rng, INDUSTRIES[industry])}", industry


def pick_place(rng: Generator) -> Place:
    """A place, by its weight."""
    return pick(rng, _WEIGHTED)


_WEIGHTED = tuple(place for place in PLACES for _ in range(place.weight))
