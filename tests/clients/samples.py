"""Valid and broken values for the shapes of an AWS model, as botocore knows it.

Everything here is worked out from botocore's own model and Python's own regular expressions, so
that it shares neither code nor tables with what it tests.
"""

import random
import re

try:
    from re import _constants as sre, _parser as parser
except ImportError:  # Python before 3.11
    import sre_constants as sre
    import sre_parse as parser

# Unicode's categories, as far as ASCII goes: all samples are ASCII.
CATEGORIES = {
    "L": "A-Za-z", "M": "", "Z": " ", "Zs": " ", "N": "0-9", "S": "$+<=>^`|~",
    "P": "!-#%-*,-/:;?@\\[-\\]_{}", "Alnum": "0-9A-Za-z", "ASCII": "\\x00-\\x7f", "Print": " -~",
}
PREFERRED = "a1Aab0-_./: @#!\n"
LONGEST = 70_000
MOST = 1_100


def python_pattern(java):
    """What Python's `re` must be given to mean the same, for ASCII."""
    text = java.replace("\\uD800\\uDC00-\\uDBFF\\uDFFF", "").replace("${1,", "(?:$){1,")
    out, at, inside = "", 0, False
    while at < len(text):
        found = re.compile(r"\\p\{(\w+)\}").match(text, at)
        if found:
            chars = CATEGORIES[found[1]]
            out += chars if inside else f"[{chars}]"
            at = found.end()
            continue
        if text[at] == "\\":
            pair = text[at : at + 2]
            out += "\\Z" if pair == "\\z" else pair
            at += 2
            if inside and pair[1] in "wdsWDS" and text[at] == "-":
                out, at = out + "\\-", at + 1
            continue
        if text[at] == "[" and not inside:
            inside = True
            # A bracket or caret right behind it belongs to the class.
            ahead = re.compile(r"\[\^?").match(text, at)[0]
            out += ahead
            at += len(ahead)
            continue
        if text[at] == "[" and inside:
            out += "\\["
            at += 1
            continue
        if text[at] == "]":
            inside = False
        out += text[at]
        at += 1
    return out


def fitting_characters(items):
    """The characters of a class, the preferred ones first."""
    negated = items[0][0] is sre.NEGATE
    categories = {
        sre.CATEGORY_DIGIT: r"\d", sre.CATEGORY_NOT_DIGIT: r"\D",
        sre.CATEGORY_SPACE: r"\s", sre.CATEGORY_NOT_SPACE: r"\S",
        sre.CATEGORY_WORD: r"\w", sre.CATEGORY_NOT_WORD: r"\W",
    }

    def within(char):
        for kind, argument in items:
            if kind is sre.LITERAL and ord(char) == argument:
                return True
            if kind is sre.RANGE and argument[0] <= ord(char) <= argument[1]:
                return True
            if kind is sre.CATEGORY and re.match(categories[argument], char, re.ASCII):
                return True
        return False

    fitting = [c for c in PREFERRED if within(c) != negated]
    return fitting or [c for c in map(chr, range(1, 127)) if within(c) != negated]


class Pattern:
    known = {}

    def __new__(cls, java):
        if java not in cls.known:
            self = super().__new__(cls)
            text = python_pattern(java)
            # A global flag must stand in front.
            self.compiled = re.compile(text, re.ASCII)
            self.tree = parser.parse(text, re.ASCII)
            self.samples, self.fitting = {}, {}
            cls.known[java] = self
        return cls.known[java]

    def matches(self, value):
        return self.compiled.fullmatch(value) is not None

    def sample(self, shortest, longest, attempts=400):
        """A string that matches, of a length between the two; the same for the same arguments."""
        known = self.samples.get((shortest, longest))
        if known is None:
            known = self.samples[shortest, longest] = (self.search(shortest, longest, attempts),)
        return known[0]

    def search(self, shortest, longest, attempts):
        fits = lambda value: shortest <= len(value) <= longest and self.matches(value)
        for seed in range(4):
            # As short as it gets, and then one repetition after the other made as long as it takes.
            value = self.once(seed, 0, None, 0)
            if fits(value):
                return value
            repeats, missing = self.repeats, shortest - len(value)
            for at in range(repeats if missing > 0 else 0):
                value = self.once(seed, 0, at, missing)
                if fits(value):
                    return value
        for attempt in range(attempts):
            value = self.once(attempt, attempt % 40, None, 0)
            if fits(value):
                return value
        return None

    def once(self, seed, grow, pumped, extra):
        self.repeats, self.pumped, self.extra = 0, pumped, extra
        return self.make(self.tree, random.Random(seed), grow)

    def make(self, tree, pick, grow):
        out = ""
        for kind, argument in tree:
            if kind is sre.LITERAL:
                out += chr(argument)
            elif kind is sre.NOT_LITERAL:
                out += next(c for c in PREFERRED if ord(c) != argument)
            elif kind is sre.ANY:
                out += "a"
            elif kind is sre.IN:
                out += self.choose(argument, pick, grow)
            elif kind is sre.BRANCH:
                branches = argument[1]
                out += self.make(branches[pick.randrange(len(branches))], pick, grow)
            elif kind is sre.SUBPATTERN:
                out += self.make(argument[3], pick, grow)
            elif kind in (sre.MAX_REPEAT, sre.MIN_REPEAT):
                low, high, inner = argument
                count = low + (pick.randrange(grow + 1) if grow else 0)
                if self.repeats == self.pumped:
                    count += self.extra
                self.repeats += 1
                for _ in range(min(count, int(high))):
                    out += self.make(inner, pick, grow)
        return out

    def choose(self, items, pick, grow):
        fitting = self.fitting.get(id(items))
        if fitting is None:
            fitting = self.fitting[id(items)] = fitting_characters(items)
        # Mostly letters: what a class allows a whole pattern may not allow at its end.
        return fitting[0] if pick.random() < 0.7 else pick.choice(fitting[: 3 + grow])


def limits(shape):
    return shape.metadata.get("min"), shape.metadata.get("max")


class NoSample(Exception):
    pass


def string(shape, length=None):
    """A valid string; of a given length where one is asked for."""
    shortest, longest = limits(shape)
    if shape.enum:
        return shape.enum[0]
    low = max(shortest or 0, 1) if length is None else length
    high = (longest if longest is not None else LONGEST) if length is None else length
    pattern = shape.metadata.get("pattern")
    if pattern is None:
        return "a" * low
    found = Pattern(pattern).sample(low, max(high, low))
    if found is None and length is None and low == 1 and not shortest and Pattern(pattern).matches(""):
        found = ""
    if found is None:
        raise NoSample(f"{shape.name}: {pattern!r} of {low} to {high} characters")
    return found


def number(shape):
    low, high = limits(shape)
    if low is not None and low > 1:
        return low
    if high is not None and high < 1:
        return high
    return 1


VALID = {}
# The query protocol cannot write an empty structure or map.
NEVER_EMPTY = False


def valid(shape):
    """The smallest valid value: required members alone, lists and maps as short as allowed. The same
    object every time, which nobody may change."""
    if shape.name not in VALID:
        VALID[shape.name] = smallest(shape)
    return VALID[shape.name]


def smallest(shape):
    kind = shape.type_name
    if kind == "structure":
        if getattr(shape, "is_tagged_union", False):
            name, member = next(iter(shape.members.items()))
            return {name: filled(member)}
        made = {name: valid(shape.members[name]) for name in shape.required_members}
        if NEVER_EMPTY and not made:
            scalars = [n for n, m in shape.members.items() if m.type_name not in ("structure", "list", "map")]
            made = {name: filled(shape.members[name]) for name in (scalars or list(shape.members))[:1]}
        return made
    if kind == "list":
        return [valid(shape.member) for _ in range(limits(shape)[0] or 0)]
    if kind == "map":
        return entries(shape, limits(shape)[0] or int(NEVER_EMPTY))
    if kind == "string":
        return string(shape)
    if kind in ("integer", "long", "float", "double"):
        return number(shape)
    if kind == "boolean":
        return True
    if kind == "timestamp":
        return 1_700_000_000
    if kind == "blob":
        return b"a" * max(limits(shape)[0] or 0, 1)
    raise NoSample(kind)


def filled(shape):
    """Like `valid`, but lists and maps hold one element at least."""
    if shape.type_name == "list":
        return [valid(shape.member) for _ in range(max(limits(shape)[0] or 0, 1))]
    if shape.type_name == "map":
        return entries(shape, max(limits(shape)[0] or 0, 1))
    return valid(shape)


def entries(shape, count):
    """Distinct keys for a map."""
    keys = []
    if shape.key.enum:
        keys = list(shape.key.enum)
    else:
        length, tries = len(string(shape.key)), 0
        while len(keys) < count and tries < count + 50:
            try:
                key = string(shape.key, length + tries)
            except NoSample:
                key = None
            if key is not None and key not in keys:
                keys.append(key)
            tries += 1
    if len(keys) < count:
        raise NoSample(f"{count} keys of {shape.name}")
    return {key: valid(shape.value) for key in keys[:count]}


def of_length(shape, length):
    """A string of a length outside of its limits; its pattern is kept where possible."""
    pattern = shape.metadata.get("pattern")
    if pattern and 0 < length < 300:
        found = Pattern(pattern).sample(length, length, 60)
        if found is not None:
            return found
    return "a" * length


BREAKERS = ["#", "!", " ", "a b", "a#b", "-", "/", ".", ":", "\t", "{}", "~", "a", "..", "\x01", "é", "ü" * 3]


def off_pattern(shape, printable):
    """A string of valid length that breaks the pattern; `None` when everything matches it."""
    shortest, longest = limits(shape)
    source = shape.metadata["pattern"]
    pattern = Pattern(source)
    unicode = re.search(r"\\p\{[LMZSNP]|\\u[0-9A-F]{4}-|\\S|\[\^|(?<!\\)\.", source)
    for piece in BREAKERS:
        if (unicode and not piece.isascii()) or (printable and not piece.isprintable()):
            continue
        low = max(shortest or 0, 1)
        value = piece * max(1, -(-low // len(piece)))
        value = value[: longest if longest is not None else None]
        if printable and value != value.strip():
            continue
        if value and len(value) >= low and not pattern.matches(value):
            return value
    return None
