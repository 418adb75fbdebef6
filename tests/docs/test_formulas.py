import pytest

pytest.importorskip("sphinx")
formulas = pytest.importorskip("formulas")

EQUATIONS = {
    "y = x * s": r"y = x \cdot s",
    "z = mean_hw(x)": r"z = \operatorname{mean}_{hw} (x)",
    "m(z) = W2 relu(W1 z + b1) + b2": (
        r"m (z) = W_{2} \operatorname{relu} (W_{1} z + b_{1}) + b_{2}"
    ),
    "s[c] = sum_j w[j] * z[c + j - k // 2]": (
        r"s_{c} = \sum_{j} w_{j} \cdot z_{c + j - \lfloor k / 2 \rfloor}"
    ),
    "S = sum_p (x_p - m) (x_p - m)^T / n": (
        r"S = \sum_{p} (x_{p} - m) (x_{p} - m)^{\top} / n"
    ),
    "C = R (R + a^-2 I)^-1": r"C = R (R + a^{-2} I)^{-1}",
    "n = sqrt(sum_hw(x**2) + epsilon)": (
        r"n = \sqrt{\sum_{hw} (x^{2}) + \epsilon}"
    ),
    "w_k = mean_ij dy / dA_ij^k": (
        r"w_{k} = \operatorname{mean}_{ij} d y / d A_{ij}^{k}"
    ),
    "A' = A'_L ... A'_1": r"A' = A'_{L} \ldots A'_{1}",
    "m = x / (s + 1e-7)": r"m = x / (s + 10^{-7})",
    "h = conv3x3([x_1, .., x_S])": (
        r"h = \operatorname{conv}_{3 \times 3} ([x_{1} , \ldots , x_{S}])"
    ),
    "d = channels // ratio": (
        r"d = \lfloor \mathrm{channels} / \mathrm{ratio} \rfloor"
    ),
}


@pytest.mark.parametrize("text", EQUATIONS)
def test_an_equation_becomes_latex(text):
    assert formulas.equation(text).latex == EQUATIONS[text]


@pytest.mark.parametrize(
    "text",
    [
        "ratio=4",  # an argument
        "y = x.mean()",
        'mode = "paper"',
        "y = (x",
        "y = x)",
        "y = mean over s of x",
        "y = the mean",
        "y = num_codes",
        "a = d2Y/dA2",
        "y = x_$",
    ],
)
def test_other_code_is_not_an_equation(text):
    assert formulas.equation(text) is None


def test_a_formula_knows_its_symbols():
    found = formulas.parsed("W1 z + dim * alpha[c]")
    assert found.symbols == {"W1", "z", "alpha", "c"}
    assert found.words == {"dim"}


def test_equations_are_aligned():
    first, second = map(formulas.equation, ("z = x = y", "y = z"))
    assert formulas.display([first]) == "z = x = y"
    assert formulas.display([first, second]) == (
        "\\begin{split}\nz &= x = y \\\\\ny &= z\n\\end{split}"
    )
