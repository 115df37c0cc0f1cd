"""Transforms of lengths with small and large prime factors, cropped and padded, in each norm."""

from draw import normal
from fixture import Fixture


def make():
    fixture = Fixture("spectral")

    def case(op, label, shape, parts=1, **attrs):
        fixture.case(f"{op}_{label}", op, [normal(*shape) for _ in range(parts)], attrs)

    for op in ("fft", "ifft"):
        case(op, "real", (3, 16))
        case(op, "mixed", (2, 60), parts=2)
        case(op, "prime", (3, 17), parts=2)
        case(op, "largePrime", (101,), parts=2)
        case(op, "dim", (6, 5, 2), parts=2, dim=1, norm="ortho")
        case(op, "padded", (2, 6), parts=2, n=10, norm="forward")
        case(op, "cropped", (2, 9), parts=2, n=4)
    case("rfft", "even", (3, 8))
    case("rfft", "odd", (2, 9), norm="ortho")
    case("rfft", "dim", (10, 3), dim=0, n=12)
    case("rfft", "prime", (19,))
    case("irfft", "even", (3, 5), parts=2)
    case("irfft", "odd", (2, 5), parts=2, n=9, norm="ortho")
    case("irfft", "dim", (6, 3), parts=2, dim=0)
    case("irfft", "prime", (10,), parts=2, n=19)
    for op in ("fft2", "ifft2"):
        case(op, "square", (4, 4), parts=2)
        case(op, "batch", (2, 3, 5), parts=2, norm="ortho")
        case(op, "real", (6, 7))
    for op in ("fftn", "ifftn"):
        case(op, "all", (2, 3, 4), parts=2)
        case(op, "some", (2, 3, 4), parts=2, dim=[0, 2])
        case(op, "lengths", (4, 6), parts=2, s=[3, 8])
    for op in ("fftshift", "ifftshift"):
        case(op, "odd", (5,))
        case(op, "all", (4, 3))
        case(op, "one", (4, 3), dim=[1])
    for type in (2, 3):
        for norm in ("backward", "ortho", "forward"):
            case("dct", f"{type}_{norm}_8", (2, 8), type=type, norm=norm)
            case("dct", f"{type}_{norm}_7", (3, 7), type=type, norm=norm)
    case("dct", "one", (3, 1))
    case("dct", "prime", (17,), type=3)
    case("hadamardTransform", "2", (3, 2))
    case("hadamardTransform", "64", (2, 64), norm="ortho")
    case("hadamardTransform", "16", (16,))
    return fixture
