"""Sprites: white shapes on black, computed from their factors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

SHAPES = 3  # square, ellipse, triangle
#: Six saturated colours, for sprites with three channels.
HUES = ((255, 64, 64), (255, 255, 64), (64, 255, 64), (64, 255, 255), (64, 64, 255), (255, 64, 255))


def factors_of(draw: np.random.Generator, n: int) -> Array:
    """Shape, scale, angle, x and y [n, 5], each drawn evenly and independently."""
    kind = draw.integers(SHAPES, size=n)
    scale = np.linspace(0.5, 1.0, 6)[draw.integers(6, size=n)]
    angle = np.linspace(0.0, 2 * math.pi, 40, endpoint=False)[draw.integers(40, size=n)]
    x, y = np.linspace(0.0, 1.0, 32)[draw.integers(32, size=(2, n))]
    return np.stack([kind, scale, angle, x, y], axis=1)


def tinted(values: Array, factors: Array, draw: np.random.Generator) -> tuple[Array, Array]:
    """The images [N, 3, size, size] in hues drawn evenly, and the factors with the hue as last column."""
    hue = draw.integers(len(HUES), size=len(values))
    tint = np.array(HUES, dtype=np.uint16)[hue][:, :, None, None]
    colours = ((values.astype(np.uint16) * tint + 127) // 255).astype(np.uint8)
    return colours, np.column_stack([factors, hue])


def draw_sprites(factors: Array, size: int) -> npt.NDArray[np.uint8]:
    """Images [N, size, size] of shape, scale, angle, x, y [N, 5], with edges one pixel soft.

    A pixel's brightness is its distance to the edge, clipped to one pixel's width. A shape of scale 1 fits a circle of
    a quarter of the image, so that none leaves it.
    """
    images = np.empty((len(factors), size, size), dtype=np.uint8)
    for start in range(0, len(factors), 256):  # in parts, to bound the memory of float arrays
        part = factors[start : start + 256].astype(np.float32)
        light = np.clip(0.5 - _distance(part, size), 0.0, 1.0)
        images[start : start + 256] = np.rint(light * 255).astype(np.uint8)
    return images


def _distance(factors: Array, size: int) -> Array:
    """Signed distance in pixels from each pixel to the edge of the shape; negative inside. [N, size, size]"""
    kind, scale, angle, x, y = (column[:, None, None] for column in factors.T)
    radius = scale * np.float32(size / 4 - 2)  # soft tips reach beyond it
    grid = np.arange(size, dtype=np.float32) + np.float32(0.5)
    across = grid[None, None, :] - (x / 2 + np.float32(0.25)) * size
    down = grid[None, :, None] - (y / 2 + np.float32(0.25)) * size
    cos, sin = np.cos(angle), np.sin(angle)
    u, v = cos * across + sin * down, cos * down - sin * across
    square = np.maximum(np.abs(u), np.abs(v)) - radius * np.float32(math.sqrt(0.5))
    ellipse = _ellipse(u, v, radius)
    # An isosceles triangle with its tip at the top of the circle: its base, and its two sides at once.
    sides = np.float32(0.9) * np.abs(u) - np.float32(math.sqrt(1 - 0.9**2)) * (v + radius)
    triangle = np.maximum(v - np.float32(0.6) * radius, sides)
    return np.where(kind == 0, square, np.where(kind == 1, ellipse, triangle))


def _ellipse(u: Array, v: Array, radius: Array) -> Array:
    """Distance to an ellipse of axes radius and radius / 2, first order: f (f - 1) / |grad f^2 / 2|."""
    a, b = u / radius, 2 * v / radius
    level = np.maximum(np.sqrt(a * a + b * b), np.float32(1e-3))  # the centre, 0 / 0, is inside too
    slope = np.sqrt(a * a + 4 * b * b) / radius
    distance: Array = level * (level - 1) / np.maximum(slope, np.float32(1e-6))
    return distance
